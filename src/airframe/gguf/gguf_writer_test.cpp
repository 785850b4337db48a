#include "airframe/gguf/gguf_writer.h"

#include <fstream>
#include <sstream>

#include "airframe/gguf/gguf.h"
#include "airframe/gguf/test_file.h"

namespace airframe {
namespace {

using testing::counted_bytes;

class GgufWriterTest : public testing::FolderTest {};

std::string content_of(const std::filesystem::path& path) {
    std::stringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

void add_everything(GgufWriter& writer) {
    writer.add("general.architecture", "test");
    writer.add("a.u8", uint8_t{200});
    writer.add("a.i8", int8_t{-100});
    writer.add("a.u16", uint16_t{60000});
    writer.add("a.i16", int16_t{-30000});
    writer.add("a.u32", uint32_t{4000000000});
    writer.add("a.i32", int32_t{-2000000000});
    writer.add("a.u64", uint64_t{1} << 63);
    writer.add("a.i64", int64_t{-1} << 62);
    writer.add("a.f32", 0.5f);
    writer.add("a.f64", 1e300);
    writer.add("a.bool", true);
    writer.add("a.empty", std::string());
    writer.add_array("a.floats", std::span<const float>(std::vector{1.0f, -2.5f}));
    writer.add_array("a.ints", std::span<const int16_t>(std::vector<int16_t>{-1, 2, 3}));
    const bool bools[] = {true, false};
    writer.add_array("a.bools", std::span<const bool>(bools));
    writer.add_array("a.strings", std::span<const std::string>(std::vector<std::string>{"x", "", "three"}));
    writer.add_array("a.none", std::span<const std::string_view>());
}

void write_sample(const std::filesystem::path& path, uint64_t alignment) {
    GgufWriter writer(alignment);
    add_everything(writer);
    const std::vector<int64_t> row = {5}, matrix = {32, 3};
    writer.add_tensor("row", QuantType::kF32, row);
    writer.add_tensor("matrix", QuantType::kQ4_0, matrix);
    ASSERT_TRUE(writer.open(path));
    ASSERT_TRUE(writer.write(counted_bytes(20, 1)));
    const auto matrix_bytes = counted_bytes(54, 100);
    for (const std::byte byte : matrix_bytes) ASSERT_TRUE(writer.write({&byte, 1}));
    ASSERT_TRUE(writer.close());
    EXPECT_EQ(std::filesystem::file_size(path), writer.file_bytes());
}

TEST_F(GgufWriterTest, WhatWasWrittenIsRead) {
    for (const uint64_t alignment : {8, 32, 4096}) {
        write_sample(dir_ / "a.gguf", alignment);
        const auto file = GgufFile::open(dir_ / "a.gguf");
        ASSERT_TRUE(file) << file.error().message;
        EXPECT_EQ(file->version(), 3u);
        EXPECT_EQ(file->alignment(), alignment);
        ASSERT_EQ(file->tensors().size(), 2u);
        const TensorInfo* matrix = file->find_tensor("matrix");
        ASSERT_NE(matrix, nullptr);
        EXPECT_EQ(matrix->type, QuantType::kQ4_0);
        EXPECT_EQ(matrix->dims, (std::array<int64_t, 4>{32, 3, 1, 1}));
        EXPECT_EQ(matrix->file_offset % alignment, 0u);
        EXPECT_EQ(std::vector<std::byte>(matrix->data, matrix->data + matrix->bytes), counted_bytes(54, 100));
        EXPECT_EQ(file->tensor_bytes(), 74u);
        EXPECT_EQ(file->find_tensor("none"), nullptr);
    }
}

TEST_F(GgufWriterTest, EveryKindOfValueIsRead) {
    write_sample(dir_ / "a.gguf", 32);
    const auto file = GgufFile::open_header(dir_ / "a.gguf");
    ASSERT_TRUE(file) << file.error().message;
    const Metadata& metadata = file->metadata();
    EXPECT_EQ(metadata.get_int("a.u8"), 200);
    EXPECT_EQ(metadata.get_int("a.i8"), -100);
    EXPECT_EQ(metadata.get_int("a.u16"), 60000);
    EXPECT_EQ(metadata.get_int("a.i16"), -30000);
    EXPECT_EQ(metadata.get_int("a.u32"), 4000000000);
    EXPECT_EQ(metadata.get_int("a.i32"), -2000000000);
    EXPECT_EQ(metadata.get_int("a.i64"), int64_t{-1} << 62);
    EXPECT_EQ(metadata.get_float("a.u64"), 0x1p63);
    EXPECT_EQ(metadata.get_float("a.f32"), 0.5);
    EXPECT_EQ(metadata.get_float("a.f64"), 1e300);
    EXPECT_EQ(metadata.get_float("a.i8"), -100.0);
    EXPECT_EQ(metadata.get_bool("a.bool"), true);
    EXPECT_EQ(metadata.get_string("a.empty"), "");
    EXPECT_EQ(metadata.get_string("general.architecture"), "test");
    EXPECT_EQ(metadata.get_floats("a.floats"), (std::vector{1.0f, -2.5f}));
    EXPECT_EQ(metadata.get_floats("a.ints"), (std::vector{-1.0f, 2.0f, 3.0f}));
    EXPECT_EQ(metadata.get_ints("a.ints"), (std::vector<int64_t>{-1, 2, 3}));
    EXPECT_EQ(metadata.get_ints("a.bools"), (std::vector<int64_t>{1, 0}));
    EXPECT_EQ(metadata.get_strings("a.strings"), (std::vector<std::string_view>{"x", "", "three"}));
    EXPECT_EQ(metadata.get_strings("a.none"), std::vector<std::string_view>());
    EXPECT_EQ(metadata.get_int("a.absent"), std::nullopt);
}

TEST_F(GgufWriterTest, ValuesOfAnotherKindAreErrorsThatNameTheKey) {
    write_sample(dir_ / "a.gguf", 32);
    const auto file = GgufFile::open(dir_ / "a.gguf");
    ASSERT_TRUE(file) << file.error().message;
    const Metadata& metadata = file->metadata();
    const auto check = [](const auto& result, std::string_view key) {
        ASSERT_FALSE(result) << key;
        EXPECT_EQ(result.error().code, base::ErrorCode::kBadFile);
        EXPECT_EQ(result.error().param, key);
        EXPECT_NE(result.error().message.find(key), std::string::npos);
    };
    check(metadata.get_int("a.u64"), "a.u64");  // 2^63 does not fit
    check(metadata.get_int("a.f32"), "a.f32");
    check(metadata.get_int("a.bool"), "a.bool");
    check(metadata.get_bool("a.u8"), "a.u8");
    check(metadata.get_string("a.ints"), "a.ints");
    check(metadata.get_strings("a.floats"), "a.floats");
    check(metadata.get_strings("general.architecture"), "general.architecture");
    check(metadata.get_floats("a.strings"), "a.strings");
    check(metadata.get_ints("a.floats"), "a.floats");
    check(metadata.get_ints("a.u8"), "a.u8");
}

TEST_F(GgufWriterTest, CopiedMetadataIsTheSame) {
    write_sample(dir_ / "a.gguf", 32);
    const auto original = GgufFile::open(dir_ / "a.gguf");
    ASSERT_TRUE(original);
    GgufWriter writer;
    for (const MetaEntry& entry : original->metadata().entries()) writer.add(entry.key, entry.value);
    for (const TensorInfo& tensor : original->tensors())
        writer.add_tensor(tensor.name, tensor.type, std::span(tensor.dims).first(tensor.n_dims));
    ASSERT_TRUE(writer.open(dir_ / "b.gguf"));
    for (const TensorInfo& tensor : original->tensors())
        ASSERT_TRUE(writer.write({tensor.data, tensor.bytes}));
    ASSERT_TRUE(writer.close());
    EXPECT_EQ(content_of(dir_ / "a.gguf"), content_of(dir_ / "b.gguf"));
}

TEST_F(GgufWriterTest, MistakesAreErrors) {
    const std::vector<int64_t> row = {4};
    GgufWriter twice;
    twice.add("a", 1.0f);
    twice.add("a", 2.0f);
    EXPECT_FALSE(twice.open(dir_ / "twice.gguf"));
    EXPECT_FALSE(std::filesystem::exists(dir_ / "twice.gguf"));

    GgufWriter nowhere;
    EXPECT_FALSE(nowhere.open(dir_ / "no/such/folder.gguf"));

    {
        GgufWriter unfinished;
        unfinished.add_tensor("row", QuantType::kF32, row);
        ASSERT_TRUE(unfinished.open(dir_ / "unfinished.gguf"));
        ASSERT_TRUE(unfinished.write(counted_bytes(15, 0)));
        const auto closed = unfinished.close();
        ASSERT_FALSE(closed);
        EXPECT_NE(closed.error().message.find("15 of 16"), std::string::npos) << closed.error().message;
        EXPECT_FALSE(unfinished.write(counted_bytes(2, 0)));
    }
    EXPECT_FALSE(std::filesystem::exists(dir_ / "unfinished.gguf"));
}

}  // namespace
}  // namespace airframe
