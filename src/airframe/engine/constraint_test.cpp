// Answers held to a grammar: every one obeys it, alone and in company, at any temperature; what cannot go on
// is an error; the model's own distribution is what logprobs tell.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "airframe/engine/engine_loop.h"
#include "airframe/engine/fake_model.h"
#include "airframe/text/random_schema.h"
#include "airframe/text/token_masks.h"

namespace airframe {
namespace {

using ::testing::HasSubstr;

// Printable ASCII one by one, some pieces of JSON, and the end.
std::shared_ptr<const FakeTokenizer> json_tokenizer() {
    std::vector<std::string> pieces;
    for (char c = ' '; c <= '~'; ++c) pieces.emplace_back(1, c);
    for (int byte = 0x80; byte < 0x100; ++byte) pieces.emplace_back(1, static_cast<char>(byte));
    for (const char* piece : {"\n", "\": ", "\", \"", "{\"", "\"}", "true", "null", "key", "\\u", "ab", "12"})
        pieces.emplace_back(piece);
    pieces.emplace_back("<end>");
    return std::make_shared<FakeTokenizer>(pieces);
}

struct Answer {
    std::string text, error;
    std::vector<float> logprobs;
    std::optional<Finished> finished;
};

Answer read(EventStream& stream) {
    Answer answer;
    while (auto event = stream.next()) {
        if (const auto* delta = std::get_if<Delta>(&*event)) {
            answer.text += delta->text;
            for (const auto& token : delta->logprobs) answer.logprobs.push_back(token.chosen.logprob);
        }
        if (const auto* end = std::get_if<Finished>(&*event)) answer.finished = *end;
        if (const auto* failed = std::get_if<Failed>(&*event)) answer.error = failed->error.message;
    }
    return answer;
}

class Served {
  public:
    explicit Served(std::shared_ptr<const FakeTokenizer> tokenizer)
        : tokenizer_(std::move(tokenizer)),
          trie_(TokenTrie::create(*tokenizer_)),
          model_(1024, 4, tokenizer_->vocab_size(),
                 [vocab = tokenizer_->vocab_size()](std::span<const TokenId> context) {
                     return hashed_next(context, vocab);
                 }),
          loop_({.forward = [this](const Batch& batch,
                                   std::span<float> logits) { model_.forward(batch, logits); },
                 .tokenizer = tokenizer_,
                 .vocab = static_cast<uint32_t>(tokenizer_->vocab_size()),
                 .ctx_tokens = 512,
                 .n_pages = 1024,
                 .page_tokens = 4,
                 .logit_rows = 16,
                 .options = {.batch_tokens = 64, .max_sequences = 8}}) {}

    std::shared_ptr<TokenMasks> masks(const base::Result<GrammarPtr>& grammar) const {
        return std::make_shared<TokenMasks>(*grammar, trie_);
    }
    std::unique_ptr<EventStream> submit(EngineRequest request) {
        auto stream = loop_.submit(std::move(request));
        EXPECT_TRUE(stream) << stream.error().message;
        return *std::move(stream);
    }
    Answer ask(EngineRequest request) { return read(*submit(std::move(request))); }

  private:
    std::shared_ptr<const FakeTokenizer> tokenizer_;
    std::shared_ptr<const TokenTrie> trie_;
    FakeModel model_;
    EngineLoop loop_;
};

TEST(Constraint, EveryAnswerObeysItInCompany) {
    Served served(json_tokenizer());
    RandomSchema schemas(8);
    int whole = 0;
    for (int i = 0; i < 60; ++i) {
        const std::string schema = schemas.schema(2);
        SCOPED_TRACE(schema);
        const auto grammar = compile_json_schema(schema);
        ASSERT_TRUE(grammar);
        const auto masks = served.masks(grammar);  // shared by its requests
        std::vector<std::unique_ptr<EventStream>> streams;
        for (uint64_t seed = 0; seed < 6; ++seed) {
            SamplingParams sampling{.temperature = seed % 2 == 0 ? 1.0f : 30.0f, .top_k = 0, .top_p = 1};
            sampling.seed = seed;
            if (seed == 3) sampling.repeat_penalty = 1.3f;
            streams.push_back(served.submit({.prompt = {1, 2, static_cast<TokenId>(seed)},
                                             .sampling = sampling,
                                             .max_tokens = 400,
                                             .constraint = seed == 5 ? nullptr : masks}));
        }
        GrammarMachine machine(*grammar);
        for (size_t seed = 0; seed < 5; ++seed) {
            const Answer answer = read(*streams[seed]);
            ASSERT_TRUE(answer.finished) << answer.error;
            if (answer.finished->reason == FinishReason::kStop) {
                EXPECT_TRUE(machine.accepts(answer.text)) << answer.text;
                ++whole;
            } else if (const size_t bad = answer.text.find("\xEF\xBF\xBD"); bad == std::string::npos) {
                EXPECT_NE(machine.walk(machine.start(), answer.text), GrammarMachine::kDead) << answer.text;
            }
        }
    }
    EXPECT_GT(whole, 100);
}

TEST(Constraint, WorksWithStopStringsAndSeeds) {
    Served served(json_tokenizer());
    const auto grammar = compile_regex_grammar("[a-f]{5}X[a-f]{200}");
    const auto ask = [&](uint64_t seed) {
        return served.ask({.prompt = {1},
                           .sampling = {.temperature = 2, .seed = seed},
                           .stop = {"X"},
                           .constraint = served.masks(grammar)});
    };
    const Answer first = ask(1), again = ask(1);
    EXPECT_EQ(first.text.size(), 5U);
    EXPECT_EQ(first.finished->stop_sequence, "X");
    EXPECT_EQ(first.text, again.text);
}

TEST(Constraint, LogprobsAreTheModelsOwn) {
    Served served(json_tokenizer());
    const Answer answer = served.ask({.prompt = {1, 2},
                                      .sampling = {.temperature = 0},
                                      .constraint = served.masks(compile_regex_grammar("aaaaaaaaaa")),
                                      .top_logprobs = 0});
    ASSERT_EQ(answer.text, "aaaaaaaaaa");
    for (const float logprob : answer.logprobs) EXPECT_LT(logprob, -3) << "the model wanted something else";
}

TEST(Constraint, AWholeTextEndsWhereNoTokenMayFollow) {
    Served served(json_tokenizer());
    const Answer answer = served.ask({.prompt = {1},
                                      .sampling = {.temperature = 1},
                                      .constraint = served.masks(compile_regex_grammar("abc")),
                                      .ignore_eos = true});
    EXPECT_EQ(answer.text, "abc");
    EXPECT_EQ(answer.finished->reason, FinishReason::kStop);
    EXPECT_LE(answer.finished->usage.completion_tokens, 3) << "an end token would be one more";
}

TEST(Constraint, WhatCannotGoOnIsAnErrorNeverFreeText) {
    Served letters(std::make_shared<FakeTokenizer>(FakeTokenizer::letters()));
    const Answer stuck =
        letters.ask({.prompt = {1}, .constraint = letters.masks(compile_regex_grammar("ab[0-9]"))});
    EXPECT_FALSE(stuck.finished);
    EXPECT_EQ(stuck.text, "ab");
    EXPECT_THAT(stuck.error, HasSubstr("No token of this model's vocabulary"));
    const Answer biased = letters.ask({.prompt = {1},
                                       .sampling = {.logit_bias = {{0, -INFINITY}}},
                                       .constraint = letters.masks(compile_regex_grammar("a+b"))});
    EXPECT_THAT(biased.error, HasSubstr("forbids every token that the grammar allows"));
}

}  // namespace
}  // namespace airframe
