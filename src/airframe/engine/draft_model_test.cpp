// A draft model guesses for a big one: the text stays the same, whatever it guesses.
#include "airframe/engine/draft_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "airframe/engine/engine_loop.h"
#include "airframe/engine/fake_model.h"

namespace airframe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int32_t kPageTokens = 4;

// Looks random, so that nothing can be guessed from the text itself.
TokenId word(std::span<const TokenId> context) { return hashed_next(context, 26); }

class DraftModelTest : public ::testing::Test {
  protected:
    const std::shared_ptr<const Tokenizer> tokenizer_ =
        std::make_shared<FakeTokenizer>(FakeTokenizer::letters());
    const uint32_t vocab_ = static_cast<uint32_t>(tokenizer_->vocab_size());
    int32_t draft_pages_ = 256, draft_rows_ = 64, speed_ = 4;
    int passes_ = 0, most_rows_ = 0;
    std::optional<FakeModel> small_;
    std::optional<DraftModel> draft_;

    DraftModel& draft(FakeModel::Next next = word) {
        if (draft_) return *draft_;
        small_.emplace(draft_pages_, kPageTokens, tokenizer_->vocab_size(), std::move(next));
        draft_.emplace(DraftModel::Parts{.forward =
                                             [this](const Batch& batch, std::span<float> logits) {
                                                 ++passes_;
                                                 most_rows_ = std::max(most_rows_,
                                                                       static_cast<int>(batch.tokens.size()));
                                                 small_->forward(batch, logits);
                                             },
                                         .vocab = vocab_,
                                         .known = vocab_,
                                         .ctx_tokens = 512,
                                         .n_pages = draft_pages_,
                                         .page_tokens = kPageTokens,
                                         .rows_max = draft_rows_,
                                         .logit_rows_max = 16,
                                         .speed = speed_});
        return *draft_;
    }
    static Sequence sequence(uint64_t id, std::vector<TokenId> tokens) {
        Sequence made;
        made.id = id;
        made.tokens = std::move(tokens);
        return made;
    }
    // What the model says after these tokens.
    static std::vector<TokenId> continued(std::vector<TokenId> tokens, int n) {
        std::vector<TokenId> out;
        for (int i = 0; i < n; ++i) out.push_back(word(tokens)), tokens.push_back(out.back());
        return out;
    }
    void propose(Sequence& to, int32_t most, int32_t rows = 16) {
        const DraftTask task{.sequence = &to, .most = most, .draft = &to.draft};
        draft().propose({&task, 1}, rows);
    }
};

TEST_F(DraftModelTest, GuessesWhatItWouldSay) {
    Sequence text = sequence(1, {3, 1, 4});
    propose(text, 5);
    EXPECT_EQ(text.draft, continued({3, 1, 4}, 5));
    EXPECT_EQ(passes_, 5);
    // Two came true, then something else was said.
    const std::vector<TokenId> guessed = text.draft;
    text.tokens.insert(text.tokens.end(), {guessed[0], guessed[1], (guessed[2] + 1) % 26});
    propose(text, 3);
    EXPECT_EQ(text.draft, continued(text.tokens, 3));
    propose(text, 0);
    EXPECT_THAT(text.draft, IsEmpty());
}

TEST_F(DraftModelTest, GuessesForManyAtOnce) {
    Sequence one = sequence(1, {1, 2, 3, 4, 5}), two = sequence(2, {9}), three = sequence(7, {8, 8});
    for (int round = 0; round < 20; ++round) {
        const DraftTask tasks[] = {{&one, 2, &one.draft}, {&two, 5, &two.draft}, {&three, 1, &three.draft}};
        const int before = passes_;
        EXPECT_EQ(draft().propose(tasks, 16), 8);
        EXPECT_EQ(passes_ - before, 5);
        for (Sequence* each : {&one, &two, &three}) {
            EXPECT_EQ(each->draft, continued(each->tokens, static_cast<int>(each->draft.size())));
            each->tokens.push_back(round % 3 == 0 ? 20 : each->draft.front());
        }
    }
}

TEST_F(DraftModelTest, CatchesUpWithALongPromptInPieces) {
    Sequence text = sequence(1, std::vector<TokenId>(150, 2)), other = sequence(2, {5, 6});
    const DraftTask tasks[] = {{&text, 2, &text.draft}, {&other, 2, &other.draft}};
    for (int round = 0; round < 3; ++round) {
        draft().propose(tasks, 10);  // 40 rows of its own
        EXPECT_THAT(text.draft, IsEmpty());
        EXPECT_EQ(other.draft, continued({5, 6}, 2)) << "others do not wait";
    }
    draft().propose(tasks, 10);
    EXPECT_EQ(text.draft, continued(text.tokens, 2));
    EXPECT_LE(most_rows_, 40);
}

TEST_F(DraftModelTest, WithoutRoomThereAreNoGuesses) {
    draft_pages_ = 4;
    Sequence one = sequence(1, std::vector<TokenId>(9, 1)), two = sequence(2, {1, 2, 3});
    propose(one, 3);
    EXPECT_EQ(one.draft.size(), 3u);
    EXPECT_EQ(draft().pages_free(), 1);
    propose(two, 3);
    EXPECT_THAT(two.draft, IsEmpty());
    draft().forget(1);
    EXPECT_EQ(draft().pages_free(), 4);
    propose(two, 3);
    EXPECT_EQ(two.draft, continued({1, 2, 3}, 3));
    Sequence beyond = sequence(3, std::vector<TokenId>(510, 1));
    propose(beyond, 3);
    EXPECT_THAT(beyond.draft, IsEmpty()) << "beyond what it was trained for";
    draft().forget(77);
}

TEST_F(DraftModelTest, StopsWhereItIsNotSure) {
    draft_.emplace(DraftModel::Parts{.forward =
                                         [](const Batch&, std::span<float> logits) {
                                             std::ranges::fill(logits, 0.0F);
                                             logits[3] = 2;  // a share of 0.22
                                         },
                                     .vocab = vocab_,
                                     .known = vocab_,
                                     .ctx_tokens = 64,
                                     .n_pages = 8,
                                     .page_tokens = kPageTokens,
                                     .rows_max = 8,
                                     .logit_rows_max = 8});
    Sequence text = sequence(1, {1, 2});
    propose(text, 5);
    EXPECT_THAT(text.draft, IsEmpty());
}

TEST(DraftVocabulary, MustBeTheSame) {
    const FakeTokenizer model({"a", "b", "c"}), longer({"a", "b", "c", "pad"}), other({"a", "x", "c"});
    EXPECT_TRUE(check_same_vocabulary(model, longer));
    EXPECT_TRUE(check_same_vocabulary(longer, model));
    const auto refused = check_same_vocabulary(model, other);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("token 1 is \"x\" there and \"b\" in the model"));
    EXPECT_EQ(refused.error().param, "draft-model");
}

struct Answer {
    std::vector<TokenId> tokens;
    std::vector<float> logprobs;
    Timings timings;
};

class DraftedEngineTest : public DraftModelTest {
  protected:
    // Several answers at once, with guesses of a draft that says `next`, or with none.
    std::vector<Answer> ask(Speculation speculation, const SamplingParams& sampling,
                            const FakeModel::Next& next) {
        draft_.reset();
        std::vector<Answer> answers = ask_engine(speculation, sampling, next);
        if (draft_) {
            EXPECT_EQ(draft_->pages_free(), draft_pages_) << "after the end";
        }
        return answers;
    }
    std::vector<Answer> ask_engine(Speculation speculation, const SamplingParams& sampling,
                                   const FakeModel::Next& next) {
        FakeModel model(256, kPageTokens, tokenizer_->vocab_size(), word);
        EngineLoop loop(
            {.forward = [&](const Batch& batch, std::span<float> logits) { model.forward(batch, logits); },
             .draft = speculation == Speculation::kOff ? nullptr : &draft(next),
             .tokenizer = tokenizer_,
             .vocab = vocab_,
             .ctx_tokens = 512,
             .n_pages = 256,
             .page_tokens = kPageTokens,
             .logit_rows = 32,
             .options = {.batch_tokens = 64, .max_sequences = 8, .speculation = speculation}});
        std::vector<std::unique_ptr<EventStream>> streams;
        for (TokenId first = 0; first < 3; ++first) {
            auto stream =
                loop.submit({.prompt = std::vector<TokenId>(static_cast<size_t>(1 + 30 * first), first),
                             .sampling = sampling,
                             .max_tokens = 150,
                             .ignore_eos = true,
                             .top_logprobs = 1});
            EXPECT_TRUE(stream);
            streams.push_back(std::move(*stream));
        }
        std::vector<Answer> answers;
        for (const auto& stream : streams) answers.push_back(read(*stream));
        return answers;
    }
    static Answer read(EventStream& stream) {
        Answer answer;
        while (auto event = stream.next()) {
            if (const auto* delta = std::get_if<Delta>(&*event)) {
                answer.tokens.insert(answer.tokens.end(), delta->tokens.begin(), delta->tokens.end());
                for (const auto& token : delta->logprobs) answer.logprobs.push_back(token.chosen.logprob);
            }
            if (const auto* end = std::get_if<Finished>(&*event)) answer.timings = end->timings;
            EXPECT_FALSE(std::holds_alternative<Failed>(*event));
        }
        return answer;
    }
    static double accepted_share(const std::vector<Answer>& answers) {
        int32_t guessed = 0, accepted = 0;
        for (const Answer& answer : answers) {
            guessed += answer.timings.draft_tokens;
            accepted += answer.timings.draft_tokens_accepted;
        }
        return guessed == 0 ? 0 : static_cast<double>(accepted) / guessed;
    }
};

TEST_F(DraftedEngineTest, TheTextIsThatOfPlainDecoding) {
    const FakeModel::Next half = [](std::span<const TokenId> context) {
        return context.size() % 2 == 0 ? word(context) : (word(context) + 1) % 26;
    };
    const FakeModel::Next wrong = [](std::span<const TokenId> context) { return (word(context) + 1) % 26; };
    const SamplingParams samplings[] = {{.temperature = 0},
                                        {.temperature = 1, .seed = 4},
                                        {.temperature = 6, .top_k = 0, .top_p = 1, .seed = 7}};
    for (const SamplingParams& sampling : samplings) {
        const std::vector<Answer> plain = ask(Speculation::kOff, sampling, word);
        for (const FakeModel::Next& next : {FakeModel::Next(word), half, wrong})
            for (const Speculation speculation : {Speculation::kAlways, Speculation::kWhereItPays}) {
                const std::vector<Answer> drafted = ask(speculation, sampling, next);
                for (size_t i = 0; i < plain.size(); ++i) {
                    EXPECT_EQ(drafted[i].tokens, plain[i].tokens);
                    EXPECT_EQ(drafted[i].logprobs, plain[i].logprobs);
                }
            }
    }
}

TEST_F(DraftedEngineTest, AGoodDraftIsRightAndABadOneIsAskedSeldom) {
    EXPECT_GT(accepted_share(ask(Speculation::kAlways, {.temperature = 0}, word)), 0.9);
    const auto bad = ask(Speculation::kWhereItPays, {.temperature = 0},
                         [](std::span<const TokenId> context) { return (word(context) + 1) % 26; });
    for (const Answer& answer : bad)
        EXPECT_LT(answer.timings.draft_tokens, 100) << "of 150 tokens, 5 guesses each";
}

TEST_F(DraftedEngineTest, ADraftThatFailsCostsNothingButItsGuesses) {
    const auto answers = ask(
        Speculation::kAlways, {.temperature = 0},
        [](std::span<const TokenId>) -> TokenId { throw std::runtime_error("the draft's device is lost"); });
    EXPECT_EQ(answers[1].tokens, ask(Speculation::kOff, {.temperature = 0}, word)[1].tokens);
}

}  // namespace
}  // namespace airframe
