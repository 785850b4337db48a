#include "airframe/engine/embed_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <numeric>
#include <stdexcept>
#include <thread>

#include "airframe/engine/engine_loop.h"
#include "airframe/engine/fake_model.h"
#include "airframe/engine/fault.h"

namespace airframe {
namespace {

using namespace std::chrono_literals;
using base::ErrorCode;
using testing::ElementsAre;
using testing::HasSubstr;

using Vectors = std::vector<std::vector<float>>;

// "Embeds" a text as the sum of its tokens, one pass for so many of them.
base::Result<void> add_up(EmbedWork& work, uint32_t rows_max) {
    const EmbedText& text = work.texts[work.vectors.size()];
    const size_t end = std::min(text.tokens.size(), work.computed_tokens + rows_max);
    if (work.computed_tokens == 0) work.pooled.assign(1, 0);
    for (size_t i = work.computed_tokens; i < end; ++i) work.pooled[0] += text.tokens[i];
    work.computed_tokens = end;
    if (end < text.tokens.size()) return {};
    work.vectors.push_back({static_cast<float>(work.pooled[0])});
    work.computed_tokens = 0;
    return {};
}

class EmbedQueueTest : public ::testing::Test {
  protected:
    std::shared_ptr<Doorbell> bell_ = std::make_shared<Doorbell>();
    int passes_ = 0, releases_ = 0;
    std::vector<std::string> ended_;
    std::vector<Vectors> vectors_;
    std::optional<EmbedQueue> queue_;

    EmbedQueue& queue(EmbedQueue::Limits limits = {.requests = 4, .deadline = {}}) {
        const auto pass = [this](EmbedWork& work, uint32_t rows_max) {
            ++passes_;
            if (work.texts.front().tokens.front() == 13) throw std::runtime_error("an unlucky text");
            return add_up(work, rows_max);
        };
        if (!queue_) queue_.emplace(EmbedQueue::Parts{pass, [this] { ++releases_; }}, limits, bell_);
        return *queue_;
    }
    EmbedRequest request(const std::string& name, std::vector<EmbedText> texts) {
        EmbedRequest made;
        made.texts = std::move(texts);
        made.done = [this, name](base::Result<Vectors> vectors) {
            ended_.push_back(name + (vectors ? "" : ": " + vectors.error().message));
            if (vectors) vectors_.push_back(*vectors);
        };
        return made;
    }
    void run(uint32_t rows_max = 8) {
        for (int i = 0; i < 1000 && queue().run_pass(rows_max); ++i) {
        }
    }
};

TEST_F(EmbedQueueTest, WorksInOrderAndInPassesOfTheGivenLength) {
    ASSERT_TRUE(queue().add(request("a", {{.tokens = std::vector(20, 2)}, {.tokens = {5}}}), Pooling::kMean));
    ASSERT_TRUE(queue().add(request("b", {{.tokens = {1, 2}}}), Pooling::kMean));
    EXPECT_EQ(queue().waiting(), 2u);
    run();
    EXPECT_THAT(ended_, ElementsAre("a", "b"));
    EXPECT_THAT(vectors_, ElementsAre(Vectors{{40}, {5}}, Vectors{{3}}));
    EXPECT_EQ(passes_, 3 + 1 + 1);
    EXPECT_EQ(releases_, 1);
    EXPECT_EQ(queue().waiting(), 0u);
    EXPECT_EQ(queue().texts_done(), 3u);
    EXPECT_FALSE(queue().run_pass(8));
    EXPECT_EQ(releases_, 1) << "nothing has been taken since";
}

TEST_F(EmbedQueueTest, RefusesMoreThanItMayHold) {
    queue({.requests = 2, .deadline = {}});
    ASSERT_TRUE(queue().add(request("a", {{.tokens = {1}}}), Pooling::kMean));
    ASSERT_TRUE(queue().add(request("b", {{.tokens = {1}}}), Pooling::kMean));
    const auto refused = queue().add(request("c", {{.tokens = {1}}}), Pooling::kMean);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kQueueFull);
    EXPECT_THAT(refused.error().message, HasSubstr("2 requests"));
    run();
    EXPECT_TRUE(queue().add(request("d", {{.tokens = {1}}}), Pooling::kMean));
    run();
    EXPECT_THAT(ended_, ElementsAre("a", "b", "d"));
}

TEST_F(EmbedQueueTest, ACancelledRequestEndsBeforeItsNextPass) {
    std::stop_source stop;
    EmbedRequest first = request("first", {{.tokens = std::vector(100, 1)}});
    first.stop = stop.get_token();
    ASSERT_TRUE(queue().add(std::move(first), Pooling::kMean));
    ASSERT_TRUE(queue().add(request("second", {{.tokens = {7}}}), Pooling::kMean));
    EXPECT_TRUE(queue().run_pass(8));
    stop.request_stop();
    run();
    EXPECT_THAT(ended_, ElementsAre("first: the request was cancelled", "second"));
    EXPECT_EQ(passes_, 2);
}

TEST_F(EmbedQueueTest, TimeRunsOutWhileOthersAreComputedToo) {
    queue({.requests = 4, .deadline = 1h});
    ASSERT_TRUE(queue().add(request("long", {{.tokens = std::vector(100, 1)}}), Pooling::kMean));
    EmbedRequest hasty = request("hasty", {{.tokens = {1}}, {.tokens = {2}}});
    hasty.deadline = 1ms;
    ASSERT_TRUE(queue().add(std::move(hasty), Pooling::kMean));
    EXPECT_TRUE(queue().run_pass(8));
    std::this_thread::sleep_for(2ms);
    EXPECT_TRUE(queue().run_pass(8));
    ASSERT_EQ(ended_.size(), 1u);
    EXPECT_THAT(ended_[0], HasSubstr("hasty: The request ran out of its 0.001 s: 0 of 2 texts were done"));
    run();
    EXPECT_THAT(ended_[1], "long");
}

TEST_F(EmbedQueueTest, AFaultEndsOneRequestOnly) {
    ASSERT_TRUE(queue().add(request("bad", {{.tokens = {13}}}), Pooling::kMean));
    ASSERT_TRUE(queue().add(request("good", {{.tokens = {1}}}), Pooling::kMean));
    run();
    ASSERT_EQ(ended_.size(), 2u);
    EXPECT_THAT(ended_[0], HasSubstr("an unlucky text"));
    EXPECT_EQ(ended_[1], "good");
}

TEST_F(EmbedQueueTest, TheEndIsToldToAllThatWait) {
    ASSERT_TRUE(queue().add(request("a", {{.tokens = std::vector(100, 1)}}), Pooling::kMean));
    EXPECT_TRUE(queue().run_pass(8));
    ASSERT_TRUE(queue().add(request("b", {{.tokens = {1}}}), Pooling::kMean));
    queue().end_all(unloading());
    ASSERT_EQ(ended_.size(), 2u);
    for (const std::string& end : ended_) EXPECT_THAT(end, HasSubstr("being unloaded"));
}

TEST_F(EmbedQueueTest, SaysWhatCannotBeEmbedded) {
    const ModelSpec spec{.vocab = 10, .pooling = Pooling::kMean};
    const auto error_of = [](const base::Result<Pooling>& result) {
        return result ? base::Error{} : result.error();
    };
    const auto check = [&](std::vector<EmbedText> texts) {
        return check_embed(request("", std::move(texts)), spec, {}, 4);
    };
    EXPECT_EQ(*check({{.tokens = {1, 2, 3, 4}}}), Pooling::kMean);
    EXPECT_EQ(*check_embed(request("", {{.tokens = {1}}}), spec, Pooling::kLast, 4), Pooling::kLast);
    const base::Error too_long = error_of(check({{.tokens = {1}}, {.tokens = {1, 2, 3, 4, 5}}}));
    EXPECT_EQ(too_long.code, ErrorCode::kContextLength);
    EXPECT_EQ(too_long.param, "input[1]");
    EXPECT_THAT(too_long.message, HasSubstr("5 tokens; 4"));
    EXPECT_EQ(error_of(check({{.tokens = {10}}})).param, "input");
    EXPECT_EQ(error_of(check({{.tokens = {}}})).code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(error_of(check({})).code, ErrorCode::kInvalidArgument);
    EmbedRequest pair = request("", {{.tokens = {1, 2}, .second_from = 1}});
    pair.rank = true;
    EXPECT_THAT(error_of(check_embed(pair, spec, {}, 4)).message, HasSubstr("no rank head"));
    const ModelSpec ranker{.vocab = 10, .pooling = Pooling::kRank, .rank_head = true};
    EXPECT_EQ(*check_embed(pair, ranker, {}, 4), Pooling::kRank);
    EXPECT_EQ(error_of(check_embed(request("", {{.tokens = {1}}}), ranker, {}, 4)).param, "model");
}

// The loop takes passes and steps in turns, and a pass is no longer than a prompt's chunk would be.
TEST(EmbeddingsInCompany, RunningStreamsGoOn) {
    const auto tokenizer = std::make_shared<FakeTokenizer>(FakeTokenizer::letters());
    constexpr int32_t kPages = 32, kPageTokens = 4;
    FakeModel model(kPages, kPageTokens, tokenizer->vocab_size(), [&](std::span<const TokenId> context) {
        return hashed_next(context, tokenizer->vocab_size() - 1);
    });
    std::string order;  // of the engine thread: s for a step, e for a pass
    std::promise<void> begun;
    EngineLoop loop(
        {.forward =
             [&](const Batch& batch, std::span<float> logits) {
                 if (order.size() == 3) begun.get_future().wait();
                 order += 's';
                 model.forward(batch, logits);
             },
         .embed = {.pass =
                       [&](EmbedWork& work, uint32_t rows_max) {
                           EXPECT_EQ(rows_max, 2u);
                           order += 'e';
                           return add_up(work, rows_max);
                       },
                   .release = [] {}},
         .on_begin = {},
         .on_end = {},
         .tokenizer = tokenizer,
         .vocab = static_cast<uint32_t>(tokenizer->vocab_size()),
         .ctx_tokens = 64,
         .n_pages = kPages,
         .page_tokens = kPageTokens,
         .logit_rows = 8,
         .options = {
             .batch_tokens = 16, .prefill_chunk = 2, .max_sequences = 8, .speculation = Speculation::kOff}});
    auto stream = loop.submit({.prompt = {1, 2}, .sampling = {.temperature = 0}, .max_tokens = 30});
    ASSERT_TRUE(stream);
    std::promise<Vectors> embedded;
    EmbedRequest request;
    request.texts = {{.tokens = std::vector(20, 3)}};
    request.done = [&](base::Result<Vectors> vectors) { embedded.set_value(vectors.value_or(Vectors{})); };
    ASSERT_TRUE(loop.embed(std::move(request), Pooling::kMean));
    begun.set_value();
    EXPECT_EQ(embedded.get_future().get(), Vectors{{60}});
    while ((*stream)->next()) {
    }
    EXPECT_THAT(order, HasSubstr("sesesesesesesesesese"));
    EXPECT_EQ(loop.stats().embed_texts, 1u);
}

}  // namespace
}  // namespace airframe
