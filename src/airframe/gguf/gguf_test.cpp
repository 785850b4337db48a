#include "airframe/gguf/gguf.h"

#include <chrono>
#include <fstream>

#include "airframe/gguf/split.h"
#include "airframe/gguf/test_file.h"
#include "base/test_data.h"

namespace airframe {
namespace {

using base::ErrorCode;
using testing::counted_bytes;

class GgufFileTest : public testing::FolderTest {
  protected:
    struct Part {
        uint16_t no, count;
        int32_t n_tensors;
        std::string tensor;
    };
    std::filesystem::path part_name(int number, int count) const {
        return dir_ / fmt::format("m-{:05}-of-{:05}.gguf", number, count);
    }
    void write_part(const std::filesystem::path& path, const Part& part) const {
        GgufWriter writer;
        if (part.no == 0) writer.add("general.architecture", "llama");
        writer.add("split.no", part.no);
        writer.add("split.count", part.count);
        writer.add("split.tensors.count", part.n_tensors);
        const std::vector<int64_t> row = {4};
        writer.add_tensor(part.tensor, QuantType::kF32, row);
        ASSERT_TRUE(writer.open(path));
        ASSERT_TRUE(writer.write(counted_bytes(16, static_cast<uint8_t>(part.no))));
        ASSERT_TRUE(writer.close());
    }
    void write_three_parts() const {
        for (uint16_t no = 0; no < 3; ++no)
            write_part(part_name(no + 1, 3), {no, 3, 3, fmt::format("t{}", no)});
    }
    static void expect_error(const base::Result<GgufFile>& file, ErrorCode code, std::string_view words) {
        ASSERT_FALSE(file);
        EXPECT_EQ(file.error().code, code);
        EXPECT_NE(file.error().message.find(words), std::string::npos) << file.error().message;
    }
};

TEST_F(GgufFileTest, AnyPartOpensTheWholeModel) {
    write_three_parts();
    for (int number = 1; number <= 3; ++number) {
        const auto file = GgufFile::open(part_name(number, 3));
        ASSERT_TRUE(file) << file.error().message;
        EXPECT_EQ(file->path(), part_name(1, 3));
        EXPECT_EQ(file->maps().size(), 3u);
        EXPECT_EQ(file->tensors().size(), 3u);
        EXPECT_EQ(file->metadata().get_string("general.architecture"), "llama");
        const TensorInfo* last = file->find_tensor("t2");
        ASSERT_NE(last, nullptr);
        EXPECT_EQ(last->shard, 2u);
        EXPECT_EQ(static_cast<int>(last->data[0]), 2);
        EXPECT_EQ(file->file_bytes(), file->maps()[0].bytes().size() + file->maps()[1].bytes().size() +
                                          file->maps()[2].bytes().size());
    }
    const auto header = GgufFile::open_header(part_name(2, 3));
    ASSERT_TRUE(header) << header.error().message;
    EXPECT_EQ(header->tensors().size(), 1u);
}

TEST_F(GgufFileTest, AMissingPartIsNamed) {
    write_three_parts();
    std::filesystem::remove(part_name(2, 3));
    expect_error(GgufFile::open(part_name(1, 3)), ErrorCode::kNotFound, "m-00002-of-00003.gguf");
}

TEST_F(GgufFileTest, PartsThatDoNotFitTogetherAreRefused) {
    write_three_parts();
    write_part(part_name(3, 3), {1, 3, 3, "t2"});
    expect_error(GgufFile::open(part_name(1, 3)), ErrorCode::kBadFile, "should be part 3 of 3");
    write_part(part_name(3, 3), {2, 3, 3, "t0"});
    expect_error(GgufFile::open(part_name(1, 3)), ErrorCode::kBadFile, "two tensors have the name 't0'");
    for (uint16_t no = 0; no < 3; ++no) write_part(part_name(no + 1, 3), {no, 3, 4, fmt::format("t{}", no)});
    expect_error(GgufFile::open(part_name(1, 3)), ErrorCode::kBadFile, "split.tensors.count is 4");
    write_part(dir_ / "renamed.gguf", {0, 3, 3, "t0"});
    expect_error(GgufFile::open(dir_ / "renamed.gguf"), ErrorCode::kBadFile, "original names");
    write_part(dir_ / "late.gguf", {7, 2, 3, "t0"});
    expect_error(GgufFile::open(dir_ / "late.gguf"), ErrorCode::kBadFile, "part 8 of 2");
}

TEST_F(GgufFileTest, NamesOfParts) {
    EXPECT_EQ(part_path("/x/a-00002-of-00010.gguf", 9, 10), "/x/a-00010-of-00010.gguf");
    EXPECT_EQ(part_path("a-00002-of-00010.gguf", 0, 11), std::nullopt);
    EXPECT_EQ(part_path("a-0000x-of-00010.gguf", 0, 10), std::nullopt);
    EXPECT_EQ(part_path("00002-of-00010.gguf", 0, 10), std::nullopt);
}

TEST_F(GgufFileTest, AFileInMemoryIsTheSameAsOnDisk) {
    write_part(dir_ / "a.gguf", {0, 1, 1, "t"});
    const auto on_disk = GgufFile::open(dir_ / "a.gguf");
    ASSERT_TRUE(on_disk) << on_disk.error().message;
    const auto bytes = on_disk->maps()[0].bytes();
    const auto in_memory = GgufFile::open_memory(bytes, "built in");
    ASSERT_TRUE(in_memory) << in_memory.error().message;
    EXPECT_EQ(in_memory->path(), "built in");
    EXPECT_EQ(in_memory->file_bytes(), bytes.size());
    EXPECT_EQ(in_memory->find_tensor("t")->data, on_disk->find_tensor("t")->data);
    expect_error(GgufFile::open_memory(bytes.first(30), "built in"), ErrorCode::kBadFile, "built in: ");
}

TEST_F(GgufFileTest, WhatIsNoModelIsSaid) {
    expect_error(GgufFile::open(dir_ / "absent.gguf"), ErrorCode::kNotFound, "absent.gguf");
    expect_error(GgufFile::open(dir_), ErrorCode::kBadFile, "not a regular file");
    std::ofstream(dir_ / "page.gguf") << "<!DOCTYPE html>";
    expect_error(GgufFile::open(dir_ / "page.gguf"), ErrorCode::kBadFile, "web page");
    std::ofstream(dir_ / "v1.gguf") << std::string("GGUF\1\0\0\0", 8);
    expect_error(GgufFile::open(dir_ / "v1.gguf"), ErrorCode::kUnsupported, "version 1");
    std::ofstream(dir_ / "big.gguf") << std::string("GGUF\0\0\0\3", 8);
    expect_error(GgufFile::open(dir_ / "big.gguf"), ErrorCode::kUnsupported, "big-endian");
}

TEST_F(GgufFileTest, ALargeVocabularyOpensInMilliseconds) {
    std::vector<std::string> tokens;
    for (int i = 0; i < 128256; ++i) tokens.push_back(fmt::format("token {}", i));
    GgufWriter writer;
    writer.add_array("tokenizer.ggml.tokens", std::span<const std::string>(tokens));
    ASSERT_TRUE(writer.open(dir_ / "vocabulary.gguf"));
    ASSERT_TRUE(writer.close());
    auto fastest = std::chrono::nanoseconds::max();
    for (int turn = 0; turn < 5; ++turn) {
        const auto begin = std::chrono::steady_clock::now();
        const auto file = GgufFile::open_header(dir_ / "vocabulary.gguf");
        fastest = std::min<std::chrono::nanoseconds>(fastest, std::chrono::steady_clock::now() - begin);
        ASSERT_TRUE(file) << file.error().message;
        EXPECT_EQ(file->metadata().find("tokenizer.ggml.tokens")->count, tokens.size());
    }
    EXPECT_LT(fastest, std::chrono::milliseconds(50)) << "also under a sanitizer";
}

TEST_F(GgufFileTest, RealFilesOpen) {
    REQUIRE_TEST_DATA(data);
    int files = 0;
    for (const char* folder : {"models", "parity", "tokenizers"})
        for (const auto& entry : std::filesystem::directory_iterator(data / folder)) {
            if (entry.path().extension() != ".gguf") continue;
            const auto file = GgufFile::open(entry.path());
            EXPECT_TRUE(file) << file.error().message;
            ++files;
        }
    EXPECT_GT(files, 20);
}

}  // namespace
}  // namespace airframe
