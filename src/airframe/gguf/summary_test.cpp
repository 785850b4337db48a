#include "airframe/gguf/summary.h"

#include "airframe/gguf/test_file.h"
#include "base/test_data.h"

namespace airframe {
namespace {

class SummaryTest : public testing::FolderTest {};

TEST(SizeLabel, RoundsToWhatPeopleSay) {
    EXPECT_EQ(size_label(0), "0");
    EXPECT_EQ(size_label(999), "999");
    EXPECT_EQ(size_label(260032), "260K");
    EXPECT_EQ(size_label(999499), "999K");
    EXPECT_EQ(size_label(999500), "1.0M");
    EXPECT_EQ(size_label(1100048384), "1.1B");
    EXPECT_EQ(size_label(7241732096), "7.2B");
    EXPECT_EQ(size_label(9960000000), "10B");
    EXPECT_EQ(size_label(70553706496), "71B");
    EXPECT_EQ(size_label(1040000000000), "1.0T");
}

TEST(FileType, NamesAndNumbers) {
    EXPECT_EQ(file_type_name(15), "Q4_K_M");
    EXPECT_EQ(file_type_name(4), "");
    EXPECT_EQ(file_type_name(-1), "");
    EXPECT_EQ(file_type_of("q4_k_m"), 15);
    EXPECT_EQ(file_type_of("Q4_K"), -1);
}

TEST_F(SummaryTest, TellsTheFactsOfAFile) {
    GgufWriter writer;
    writer.add("general.architecture", "llama");
    writer.add("llama.context_length", uint32_t{4096});
    writer.add("tokenizer.chat_template", "{{ messages }}");
    const std::vector<int64_t> large = {256, 100}, small = {256}, ids = {1000};
    writer.add_tensor("large", QuantType::kQ4_K, large);
    writer.add_tensor("small", QuantType::kF32, small);
    writer.add_tensor("ids", QuantType::kI32, ids);
    ASSERT_TRUE(writer.open(dir_ / "tiny-llama.gguf"));
    const uint64_t bytes = 144 * 100 + 1024 + 4000;
    ASSERT_TRUE(writer.write(std::vector<std::byte>(bytes)));
    ASSERT_TRUE(writer.close());
    const auto file = GgufFile::open_header(dir_ / "tiny-llama.gguf");
    ASSERT_TRUE(file) << file.error().message;
    const GgufSummary summary = summarize(*file);
    EXPECT_EQ(summary.name, "tiny-llama");
    EXPECT_EQ(summary.architecture, "llama");
    EXPECT_EQ(summary.parameters, 25856u);
    EXPECT_EQ(summary.size_label, "26K");
    EXPECT_EQ(summary.quantization, "Q4_K");
    EXPECT_EQ(summary.context_tokens, 4096u);
    EXPECT_EQ(summary.tensor_bytes, bytes);
    EXPECT_TRUE(summary.has_chat_template);
    EXPECT_EQ(summary.parts, 1u);
}

TEST_F(SummaryTest, TheFilesOwnWordsComeFirst) {
    GgufWriter writer;
    writer.add("general.name", "Mixtral");
    writer.add("general.size_label", "8x7B");
    writer.add("general.file_type", uint32_t{15});
    ASSERT_TRUE(writer.open(dir_ / "a.gguf"));
    ASSERT_TRUE(writer.close());
    const auto file = GgufFile::open_header(dir_ / "a.gguf");
    ASSERT_TRUE(file) << file.error().message;
    const GgufSummary summary = summarize(*file);
    EXPECT_EQ(summary.name, "Mixtral");
    EXPECT_EQ(summary.size_label, "8x7B");
    EXPECT_EQ(summary.quantization, "Q4_K_M");
    EXPECT_EQ(summary.context_tokens, 0u);
    EXPECT_FALSE(summary.has_chat_template);
}

TEST_F(SummaryTest, ARealFile) {
    REQUIRE_TEST_DATA(data);
    const auto file = GgufFile::open_header(data / "models/stories260K-q4_0.gguf");
    ASSERT_TRUE(file) << file.error().message;
    const GgufSummary summary = summarize(*file);
    EXPECT_EQ(summary.architecture, "llama");
    EXPECT_EQ(summary.size_label.back(), 'K');
    EXPECT_GT(summary.context_tokens, 0u);
}

}  // namespace
}  // namespace airframe
