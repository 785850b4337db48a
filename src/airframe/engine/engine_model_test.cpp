// The engine with a real model: the small trained one of the shared test data, against its published
// continuations.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "airframe/engine/engine.h"
#include "base/test_data.h"

namespace airframe {
namespace {

// Where the two best logits lie closer than this, other rounding may rightly take another turn.
constexpr double kClearGap = 0.01;

struct Expected {
    std::vector<TokenId> prompt, continuation;
    std::string text;
    double smallest_gap;
};

std::vector<Expected> read_expected(const std::filesystem::path& dir, const std::string& file) {
    std::stringstream text;
    text << std::ifstream(dir / "expected.json").rdbuf();
    std::vector<Expected> cases;
    const boost::json::value all = boost::json::parse(text.str());
    for (const auto& entry : all.at(file).as_array())
        cases.push_back({.prompt = boost::json::value_to<std::vector<TokenId>>(entry.at("prompt_ids")),
                         .continuation = boost::json::value_to<std::vector<TokenId>>(entry.at("greedy_ids")),
                         .text = boost::json::value_to<std::string>(entry.at("greedy_text")),
                         .smallest_gap = entry.at("smallest_top2_gap").as_double()});
    return cases;
}

struct Answer {
    std::string text;
    std::vector<TokenId> tokens;
    std::optional<Finished> finished;
};

Answer read(EventStream& stream) {
    Answer answer;
    while (auto event = stream.next()) {
        if (auto* delta = std::get_if<Delta>(&*event)) {
            answer.text += delta->text;
            answer.tokens.insert(answer.tokens.end(), delta->tokens.begin(), delta->tokens.end());
        } else if (auto* end = std::get_if<Finished>(&*event)) {
            answer.finished = *end;
        } else if (const auto* failed = std::get_if<Failed>(&*event)) {
            ADD_FAILURE() << failed->error.message;
        }
    }
    return answer;
}

class EngineModelTest : public ::testing::Test {
  protected:
    std::unique_ptr<Engine> engine_;

    base::Result<void> load(const std::filesystem::path& path, const EngineOptions& options = {}) {
        TRY(GgufFile file, GgufFile::open(path));
        TRY(auto tokenizer, Tokenizer::create(file.metadata()));
        TRY(auto backend, make_backend("cpu", {.threads = 2}));
        TRY(auto model, Model::load(std::move(file), std::move(backend), {}));
        TRY(engine_, Engine::create(std::move(model), std::move(tokenizer), options));
        return {};
    }
    std::unique_ptr<EventStream> submit(EngineRequest request) {
        auto stream = engine_->submit(std::move(request));
        EXPECT_TRUE(stream) << stream.error().message;
        return stream ? std::move(*stream) : nullptr;
    }
    static EngineRequest greedy(std::vector<TokenId> prompt, int32_t max_tokens) {
        return {.prompt = std::move(prompt), .sampling = {.temperature = 0}, .max_tokens = max_tokens};
    }
};

class EngineModelFileTest : public EngineModelTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(EngineModelFileTest, ContinuesWordForWordInCompany) {
    REQUIRE_TEST_DATA(data);
    const auto loaded = load(data / "models" / GetParam());
    ASSERT_TRUE(loaded) << loaded.error().message;
    const auto cases = read_expected(data / "models", GetParam());
    ASSERT_FALSE(cases.empty());

    // All at once, each twice, beside others that draw at random.
    std::vector<std::unique_ptr<EventStream>> streams, company;
    for (int round = 0; round < 2; ++round)
        for (const Expected& expected : cases) {
            company.push_back(submit({.prompt = {1, static_cast<TokenId>(300 + streams.size())},
                                      .max_tokens = 40,
                                      .ignore_eos = true}));
            streams.push_back(
                submit(greedy(expected.prompt, static_cast<int32_t>(expected.continuation.size()))));
        }
    size_t clear = 0;
    for (size_t i = 0; i < streams.size(); ++i) {
        const Expected& expected = cases[i % cases.size()];
        const Answer answer = read(*streams[i]);
        ASSERT_TRUE(answer.finished);
        if (expected.smallest_gap < kClearGap) continue;
        ++clear;
        std::vector<TokenId> continuation = expected.continuation;
        if (answer.finished->reason == FinishReason::kStop) {
            EXPECT_EQ(continuation.back(), 2) << "ended where it should not";
            continuation.pop_back();
        }
        EXPECT_EQ(answer.tokens, continuation);
        EXPECT_TRUE(expected.text.starts_with(answer.text)) << answer.text << "\n" << expected.text;
    }
    EXPECT_GT(clear, 0u) << "no case was clear enough to judge by";
    for (auto& stream : company) EXPECT_EQ(read(*stream).tokens.size(), 40u);
}

INSTANTIATE_TEST_SUITE_P(Files, EngineModelFileTest,
                         ::testing::Values("stories260K-f32.gguf", "stories260K-f16.gguf",
                                           "stories260K-q8_0.gguf", "stories260K-q4_0.gguf"),
                         [](const auto& param) {
                             std::string name = param.param;
                             std::erase_if(
                                 name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); });
                             return name;
                         });

TEST_F(EngineModelTest, APrefixFoundInTheCacheGivesTheSameText) {
    REQUIRE_TEST_DATA(data);
    ASSERT_TRUE(load(data / "models" / "stories260K-f32.gguf"));
    const Expected story = read_expected(data / "models", "stories260K-f32.gguf").front();
    std::vector<TokenId> prompt = story.prompt;
    prompt.insert(prompt.end(), story.continuation.begin(), story.continuation.begin() + 150);
    const Answer first = read(*submit(greedy(prompt, 40))), second = read(*submit(greedy(prompt, 40)));
    EXPECT_EQ(first.finished->usage.cached_tokens, 0);
    EXPECT_EQ(second.finished->usage.cached_tokens, static_cast<int32_t>((prompt.size() - 1) / 32 * 32));
    EXPECT_EQ(first.tokens, second.tokens);
    const std::vector<TokenId> continuation(story.continuation.begin() + 150,
                                            story.continuation.begin() + 190);
    EXPECT_EQ(second.tokens, continuation);
}

TEST_F(EngineModelTest, AnswersOutliveBeingPutAsideForOthers) {
    REQUIRE_TEST_DATA(data);
    // Pages for one context only: eight stories of 200 tokens must take turns.
    ASSERT_TRUE(load(data / "models" / "stories260K-f32.gguf", {.ctx_tokens = 256, .kv_tokens = 256}));
    const Expected story = read_expected(data / "models", "stories260K-f32.gguf").front();
    const auto n = static_cast<int32_t>(std::min<size_t>(200, story.continuation.size()));
    std::vector<std::unique_ptr<EventStream>> streams;
    for (int i = 0; i < 8; ++i) streams.push_back(submit(greedy(story.prompt, n)));
    for (auto& stream : streams)
        EXPECT_EQ(read(*stream).tokens,
                  std::vector<TokenId>(story.continuation.begin(), story.continuation.begin() + n));
}

TEST_F(EngineModelTest, CancelFreesThePages) {
    REQUIRE_TEST_DATA(data);
    ASSERT_TRUE(load(data / "models" / "stories260K-f32.gguf"));
    for (int i = 0; i < 4; ++i) {
        auto stream = submit({.prompt = {1}, .ignore_eos = true});
        EXPECT_TRUE(stream->next());
    }
    EngineStats stats{};
    for (int i = 0; i < 2000; ++i) {
        stats = engine_->stats();
        if (stats.running == 0 && stats.waiting == 0) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_EQ(stats.running, 0u);
    EXPECT_EQ(stats.pages_free, stats.pages_total);
}

TEST_F(EngineModelTest, TheKvCacheHasTheSizeItSays) {
    REQUIRE_TEST_DATA(data);
    ASSERT_TRUE(load(data / "models" / "stories260K-f32.gguf"));
    EXPECT_EQ(engine_->ctx_tokens(), 512u);
    EXPECT_EQ(engine_->kv_bytes(), uint64_t{engine_->kv_tokens()} * 5 * 4 * 8 * 2 * 2);  // f16
    ASSERT_TRUE(load(data / "models" / "stories260K-f32.gguf", {.ctx_tokens = 100, .kv_type = KvType::kF32}));
    EXPECT_EQ(engine_->ctx_tokens(), 100u);
    const auto refused = engine_->submit(greedy(std::vector<TokenId>(100, 1), 1));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, base::ErrorCode::kContextLength);
}

TEST_F(EngineModelTest, AContextThatDoesNotFitIsRefused) {
    REQUIRE_TEST_DATA(data);
    const auto loaded = load(data / "models" / "stories260K-f32.gguf", {.ctx_tokens = 2000000000});
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, base::ErrorCode::kOutOfMemory);
    EXPECT_EQ(load(data / "models" / "stories260K-f32.gguf", {.max_sequences = 0}).error().param,
              "max_sequences");
}

}  // namespace
}  // namespace airframe
