// Drafts: where guesses come from, when they pay, and that they change nothing but the speed.
#include <gtest/gtest.h>

#include "airframe/engine/draft_governor.h"
#include "airframe/engine/engine_loop.h"
#include "airframe/engine/fake_model.h"
#include "airframe/engine/prompt_lookup.h"
#include "airframe/text/token_masks.h"

namespace airframe {
namespace {

std::vector<TokenId> looked_up(const std::vector<TokenId>& tokens, size_t most = 3) {
    std::vector<TokenId> draft;
    look_up_draft(tokens, most, draft);
    return draft;
}

TEST(PromptLookup, ContinuesTheLongestEarlierOccurrence) {
    using Ids = std::vector<TokenId>;
    EXPECT_EQ(looked_up({1, 2, 3, 4, 5, 1, 2}), (Ids{3, 4, 5}));
    EXPECT_EQ(looked_up({9, 1, 2, 7, 7, 5, 1, 2, 8, 8, 9, 1, 2}), (Ids{7, 7, 5})) << "three match there";
    EXPECT_EQ(looked_up({1, 2, 7, 5, 1, 2, 8, 4, 1, 2}), (Ids{8, 4, 1})) << "of equals the latest";
    EXPECT_EQ(looked_up({1, 2, 3, 9, 2}), Ids{}) << "one token is no passage";
    EXPECT_EQ(looked_up({4, 4, 4, 4}), (Ids{4})) << "what follows may overlap";
    EXPECT_EQ(looked_up({1, 2, 3, 4, 1, 2}, 1), (Ids{3}));
    EXPECT_EQ(looked_up({1, 2, 3, 4, 1, 2}, 0), Ids{});
    EXPECT_EQ(looked_up({}), Ids{});
    EXPECT_EQ(looked_up({1, 1}), Ids{});
}

TEST(DraftGovernor, DraftsWhereRowsAreCheapAndGuessesComeTrue) {
    const auto learned = [](double per_row) {
        DraftGovernor governor;
        for (int round = 0; round < 50; ++round)
            for (const int rows : {1, 3, 6}) governor.learn(rows, 0.050 + per_row * rows);
        return governor;
    };
    const DraftGovernor cheap = learned(0.001), dear = learned(0.040);
    EXPECT_EQ(cheap.guesses(1, 0.9), 5);
    EXPECT_EQ(cheap.guesses(1, 0.0), 0);
    EXPECT_GT(cheap.guesses(1, 0.5), 0);
    EXPECT_EQ(dear.guesses(1, 0.3), 0) << "backs off";
    EXPECT_EQ(learned(0.02).guesses(30, 0.5), 0) << "in company the weights are read for others anyway";
    DraftGovernor fresh;
    EXPECT_GT(fresh.guesses(1, 0.5), 0) << "tries to find out";
    EXPECT_EQ(fresh.guesses(1, 0.1), 0);
}

TEST(Acceptance, FollowsWhatComesTrueAndForgets) {
    Acceptance acceptance;
    for (int i = 0; i < 50; ++i) acceptance.learn(4, 4);
    EXPECT_GT(acceptance.share(), 0.95);
    for (int i = 0; i < 50; ++i) acceptance.learn(4, 0);
    EXPECT_LT(acceptance.share(), 0.05);
    for (int i = 0; i < 2000; ++i) acceptance.forget();
    EXPECT_NEAR(acceptance.share(), 0.5, 0.01);
}

struct Answer {
    std::vector<TokenId> tokens;
    std::string text;
    std::vector<float> logprobs;
    Finished finished;
};

// A model that says the same eleven letters again and again, with a slip now and then.
Answer ask(Speculation speculation, const SamplingParams& sampling, int32_t max_tokens,
           const std::string& regex = "") {
    auto tokenizer = std::make_shared<FakeTokenizer>(FakeTokenizer::letters());
    const auto next = [](std::span<const TokenId> context) -> TokenId {
        const size_t n = context.size();
        return n % 37 == 0 ? 20 : static_cast<TokenId>(n % 11);
    };
    FakeModel model(256, 4, tokenizer->vocab_size(), next);
    EngineLoop loop(
        {.forward = [&](const Batch& batch, std::span<float> logits) { model.forward(batch, logits); },
         .tokenizer = tokenizer,
         .vocab = static_cast<uint32_t>(tokenizer->vocab_size()),
         .ctx_tokens = 1024,
         .n_pages = 256,
         .page_tokens = 4,
         .logit_rows = 16,
         .options = {.batch_tokens = 64, .max_sequences = 8, .speculation = speculation}});
    std::shared_ptr<TokenMasks> constraint;
    if (!regex.empty())
        constraint =
            std::make_shared<TokenMasks>(*compile_regex_grammar(regex), TokenTrie::create(*tokenizer));
    auto stream = loop.submit({.prompt = {0, 1, 2},
                               .sampling = sampling,
                               .max_tokens = max_tokens,
                               .stop = {"uvwxyz"},
                               .constraint = constraint,
                               .ignore_eos = true,
                               .top_logprobs = 1});
    EXPECT_TRUE(stream);
    Answer answer;
    while (auto event = (*stream)->next()) {
        if (const auto* delta = std::get_if<Delta>(&*event)) {
            answer.text += delta->text;
            answer.tokens.insert(answer.tokens.end(), delta->tokens.begin(), delta->tokens.end());
            for (const auto& token : delta->logprobs) answer.logprobs.push_back(token.chosen.logprob);
        }
        if (const auto* end = std::get_if<Finished>(&*event)) answer.finished = *end;
        EXPECT_FALSE(std::holds_alternative<Failed>(*event));
    }
    return answer;
}

TEST(Speculation, GivesTheTextOfPlainDecoding) {
    SamplingParams flat = {
        .temperature = 6, .top_k = 0, .top_p = 1, .seed = 7};  // the model's word wins half the time
    SamplingParams penalised = {.temperature = 2,
                                .top_k = 0,
                                .repeat_penalty = 1.1f,
                                .repeat_last_n = 5,
                                .dry_multiplier = 0.1f,
                                .frequency_penalty = 0.01f};
    penalised.seed = 3;
    const SamplingParams cases[] = {{.temperature = 0},
                                    {.temperature = 1, .seed = 1},
                                    flat,
                                    penalised,
                                    {.temperature = 3, .mirostat = 2, .seed = 5}};
    int32_t accepted = 0;
    for (const SamplingParams& sampling : cases)
        for (const int32_t max_tokens : {1, 2, 7, 400}) {
            SCOPED_TRACE(testing::Message() << sampling.temperature << " " << max_tokens);
            const Answer plain = ask(Speculation::kOff, sampling, max_tokens),
                         drafted = ask(Speculation::kAlways, sampling, max_tokens);
            EXPECT_EQ(drafted.tokens, plain.tokens);
            EXPECT_EQ(drafted.text, plain.text);
            EXPECT_EQ(drafted.logprobs, plain.logprobs);
            EXPECT_EQ(drafted.finished.reason, plain.finished.reason);
            EXPECT_EQ(drafted.finished.usage.completion_tokens, plain.finished.usage.completion_tokens);
            EXPECT_EQ(plain.finished.timings.draft_tokens, 0);
            EXPECT_LE(drafted.finished.timings.draft_tokens_accepted, drafted.finished.timings.draft_tokens);
            accepted += drafted.finished.timings.draft_tokens_accepted;
        }
    EXPECT_GT(accepted, 100);
}

TEST(Speculation, GivesTheTextOfPlainDecodingUnderAGrammarToo) {
    int32_t accepted = 0;
    for (const float temperature : {0.0f, 1.0f, 4.0f})
        for (const char* regex : {"([a-h]+[k-z])*", "([ac]|[b-k]{3}u?)*", "[a-z]{150}"}) {
            SCOPED_TRACE(testing::Message() << temperature << " " << regex);
            const SamplingParams sampling = {.temperature = temperature, .top_k = 0, .seed = 21};
            const Answer plain = ask(Speculation::kOff, sampling, 200, regex),
                         drafted = ask(Speculation::kAlways, sampling, 200, regex);
            EXPECT_EQ(drafted.tokens, plain.tokens);
            EXPECT_EQ(drafted.text, plain.text);
            EXPECT_EQ(drafted.logprobs, plain.logprobs);
            EXPECT_EQ(drafted.finished.reason, plain.finished.reason);
            accepted += drafted.finished.timings.draft_tokens_accepted;
        }
    EXPECT_GT(accepted, 100);
}

TEST(Speculation, ByItselfGivesTheSameTextToo) {
    const SamplingParams sampling = {.temperature = 2, .top_k = 0, .seed = 9};
    EXPECT_EQ(ask(Speculation::kWhereItPays, sampling, 400).tokens,
              ask(Speculation::kOff, sampling, 400).tokens);
}

}  // namespace
}  // namespace airframe
