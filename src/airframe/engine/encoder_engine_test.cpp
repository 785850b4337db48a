// A small encoder with a real vocabulary: texts, the tokens that the vocabulary's makers give them, and what
// the engine makes of both.
#include "airframe/engine/encoder_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include <fstream>
#include <future>

#include "airframe/gguf/gguf_writer.h"
#include "airframe/text/token_pair.h"
#include "base/rng.h"
#include "base/test_data.h"
#include "base/test_dir.h"

namespace airframe {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using testing::HasSubstr;

using Vectors = std::vector<std::vector<float>>;
constexpr TokenId kCls = 101, kSep = 102;
constexpr int64_t kDim = 32, kCtx = 64, kFfn = 48;

struct NamedTensor {
    const char* name;
    std::vector<int64_t> dims;
};

std::vector<NamedTensor> tensors(int64_t vocab) {
    return {{"token_embd.weight", {kDim, vocab}},
            {"position_embd.weight", {kDim, kCtx}},
            {"token_types.weight", {kDim, 2}},
            {"token_embd_norm.weight", {kDim}},
            {"token_embd_norm.bias", {kDim}},
            {"blk.0.attn_q.weight", {kDim, kDim}},
            {"blk.0.attn_k.weight", {kDim, kDim}},
            {"blk.0.attn_v.weight", {kDim, kDim}},
            {"blk.0.attn_output.weight", {kDim, kDim}},
            {"blk.0.attn_output_norm.weight", {kDim}},
            {"blk.0.ffn_up.weight", {kDim, kFfn}},
            {"blk.0.ffn_down.weight", {kFfn, kDim}},
            {"blk.0.layer_output_norm.weight", {kDim}},
            {"cls.weight", {kDim, kDim}},
            {"cls.bias", {kDim}},
            {"cls.output.weight", {kDim, 1}}};
}

// A one-layer BERT with random weights and the vocabulary of the file.
base::Result<void> write_model(const fs::path& vocabulary, const fs::path& out) {
    TRY(const GgufFile source, GgufFile::open(vocabulary));
    GgufWriter writer;
    writer.add("general.architecture", "bert");
    for (const auto& [key, value] : {std::pair{"bert.context_length", kCtx},
                                     {"bert.embedding_length", kDim},
                                     {"bert.feed_forward_length", kFfn},
                                     {"bert.block_count", int64_t{1}},
                                     {"bert.attention.head_count", int64_t{2}},
                                     {"bert.pooling_type", int64_t{2}}})
        writer.add(key, static_cast<uint32_t>(value));
    writer.add("bert.attention.layer_norm_epsilon", 1e-12F);
    for (const MetaEntry& entry : source.metadata().entries())
        if (entry.key.starts_with("tokenizer.")) writer.add(entry.key, entry.value);
    const auto list = tensors(static_cast<int64_t>(source.metadata().find("tokenizer.ggml.tokens")->count));
    for (const NamedTensor& tensor : list) writer.add_tensor(tensor.name, QuantType::kF32, tensor.dims);
    TRY_VOID(writer.open(out));
    base::Rng rng(7);
    for (const NamedTensor& tensor : list) {
        int64_t n = 1;
        for (const int64_t dim : tensor.dims) n *= dim;
        std::vector<float> values(static_cast<size_t>(n));
        for (float& value : values) value = static_cast<float>(rng.next_double() - 0.5);
        TRY_VOID(writer.write(std::as_bytes(std::span(values))));
    }
    return writer.close();
}

class EncoderEngineTest : public ::testing::Test {
  protected:
    base::TestDir dir_;
    std::shared_ptr<const Tokenizer> tokenizer_;
    std::unique_ptr<Engine> engine_;

    base::Result<void> load(const fs::path& vocabulary, const EngineOptions& options = {}) {
        const fs::path path = dir_.path() / "encoder.gguf";
        TRY_VOID(write_model(vocabulary, path));
        TRY(GgufFile file, GgufFile::open(path));
        TRY(tokenizer_, Tokenizer::create(file.metadata()));
        TRY(auto backend, make_backend("cpu", {.threads = 1}));
        TRY(auto model, Model::load(std::move(file), std::move(backend), {}));
        TRY(engine_, Engine::create(std::move(model), tokenizer_, options));
        return {};
    }
    base::Result<Vectors> embed(std::vector<EmbedText> texts, bool rank = false) {
        std::promise<base::Result<Vectors>> done;
        EmbedRequest request;
        request.texts = std::move(texts);
        request.rank = rank;
        request.done = [&](base::Result<Vectors> vectors) { done.set_value(std::move(vectors)); };
        TRY_VOID(engine_->embed(std::move(request)));
        return done.get_future().get();
    }
};

std::vector<TokenId> joined(std::initializer_list<std::vector<TokenId>> parts) {
    std::vector<TokenId> out;
    for (const auto& part : parts) out.insert(out.end(), part.begin(), part.end());
    return out;
}

TEST_F(EncoderEngineTest, TextsAndPairsBecomeWhatTheVocabularyOfBertSays) {
    REQUIRE_TEST_DATA(data);
    const auto loaded = load(data / "tokenizers" / "ggml-vocab-bert-bge.gguf");
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(engine_->ctx_tokens(), 64u);
    EXPECT_EQ(engine_->kv_bytes(), 0u);

    std::ifstream lines(data / "tokenizers" / "vectors-bert-bge.jsonl");
    std::string line, previous;
    std::vector<TokenId> previous_ids;
    size_t pairs = 0;
    std::vector<EmbedText> encoded, expected, encoded_pairs, expected_pairs;
    while (std::getline(lines, line) && pairs < 200) {
        const json::value vector = json::parse(line);
        const std::string text(vector.at("text").as_string());
        const auto ids = json::value_to<std::vector<TokenId>>(vector.at("ids"));
        if (ids.size() > 28) continue;
        const auto wanted = joined({{kCls}, ids, {kSep}});
        encoded.push_back({.tokens = tokenizer_->encode(text, {.add_special = true})});
        expected.push_back({.tokens = wanted});
        ASSERT_EQ(encoded.back().tokens, wanted) << text;
        const TokenPair pair = encode_pair(*tokenizer_, previous, text);
        ASSERT_EQ(pair.tokens, joined({{kCls}, previous_ids, {kSep}, ids, {kSep}})) << text;
        ASSERT_EQ(pair.second_from, std::ssize(previous_ids) + 2);
        encoded_pairs.push_back({.tokens = pair.tokens, .second_from = pair.second_from});
        previous = text;
        previous_ids = ids;
        ++pairs;
    }
    ASSERT_GT(pairs, 50u);

    const auto vectors = embed(encoded), scores = embed(encoded_pairs, true);
    ASSERT_TRUE(vectors) << vectors.error().message;
    ASSERT_TRUE(scores) << scores.error().message;
    ASSERT_EQ(vectors->size(), pairs);
    ASSERT_EQ(scores->size(), pairs);
    for (size_t i = 0; i < pairs; i += 17) {  // in company as alone
        const auto alone = embed({expected[i]}), score = embed({encoded_pairs[i]}, true);
        ASSERT_TRUE(alone && score);
        for (size_t j = 0; j < static_cast<size_t>(kDim); ++j)
            EXPECT_NEAR(alone->front()[j], (*vectors)[i][j], 1e-4) << i;
        EXPECT_NEAR(score->front().front(), (*scores)[i].front(), 1e-3) << i;
    }
    EXPECT_EQ(engine_->stats().embed_waiting, 0u);
}

TEST_F(EncoderEngineTest, HasNoText) {
    REQUIRE_TEST_DATA(data);
    const auto loaded = load(data / "tokenizers" / "ggml-vocab-bert-bge.gguf", {.ctx_tokens = 8});
    ASSERT_TRUE(loaded) << loaded.error().message;
    const auto stream = engine_->submit({.prompt = {kCls}});
    ASSERT_FALSE(stream);
    EXPECT_EQ(stream.error().code, base::ErrorCode::kUnsupported);
    const auto too_long = embed({{.tokens = std::vector<TokenId>(9, kSep)}});
    ASSERT_FALSE(too_long);
    EXPECT_EQ(too_long.error().code, base::ErrorCode::kContextLength);
    EXPECT_THAT(too_long.error().message, HasSubstr("9 tokens; 8"));
}

}  // namespace
}  // namespace airframe
