#include "airframe/engine/engine_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <cmath>
#include <future>
#include <latch>
#include <limits>
#include <new>
#include <stdexcept>

#include "airframe/engine/fake_model.h"

namespace airframe {
namespace {

using namespace std::chrono_literals;
using base::ErrorCode;

// All that a stream brought, up to its end.
struct Answer {
    std::string text;
    std::vector<TokenId> tokens;
    std::vector<Delta::Logprobs> logprobs;
    std::optional<Admitted> admitted;
    std::optional<Finished> finished;
    std::optional<base::Error> error;
    int events = 0;

    void add(GenEvent event) {
        ++events;
        if (auto* start = std::get_if<Admitted>(&event)) {
            EXPECT_EQ(events, 1) << "Admitted comes first";
            admitted = *start;
        } else if (auto* delta = std::get_if<Delta>(&event)) {
            text += delta->text;
            tokens.insert(tokens.end(), delta->tokens.begin(), delta->tokens.end());
            logprobs.insert(logprobs.end(), delta->logprobs.begin(), delta->logprobs.end());
        } else if (auto* end = std::get_if<Finished>(&event)) {
            EXPECT_FALSE(finished || error) << "a stream ended twice";
            finished = *end;
        } else {
            EXPECT_FALSE(finished || error) << "a stream ended twice";
            error = std::get<Failed>(event).error;
        }
    }
};

Answer read(EventStream& stream) {
    Answer answer;
    while (auto event = stream.next()) answer.add(std::move(*event));
    EXPECT_FALSE(stream.try_next()) << "nothing comes after the end";
    EXPECT_TRUE(answer.finished || answer.error) << "a stream without an end";
    return answer;
}

// Lets the engine thread run only as far as a test wants it to.
class Gate {
  public:
    void close() { open_ = false; }
    void open() {
        open_ = true;
        open_.notify_all();
    }
    void pass() {
        ++arrived_;
        arrived_.notify_all();
        open_.wait(false);
    }
    void wait_for_arrival() {
        for (int n = arrived_; n == 0; n = arrived_) arrived_.wait(n);
    }

  private:
    std::atomic<bool> open_{true};
    std::atomic<int> arrived_{0};
};

class EngineLoopTest : public ::testing::Test {
  protected:
    static constexpr int32_t kPageTokens = 4;
    static constexpr int32_t kPages = 32;

    std::shared_ptr<const Tokenizer> tokenizer_ = std::make_shared<FakeTokenizer>(FakeTokenizer::letters());
    FakeModel::Next next_ = [this](std::span<const TokenId> context) {
        return hashed_next(context, tokenizer_->vocab_size() - 1);  // never the end
    };
    EngineOptions options_ = {.ctx_tokens = 64, .batch_tokens = 16, .max_sequences = 8};
    std::function<void(const Batch&, std::span<float>)> before_, after_;  // around the model
    Gate gate_;
    std::unique_ptr<EngineLoop> loop_;

    // What answers to `script` whatever the prompt: prompts have four tokens.
    void answer_with(std::vector<TokenId> script) {
        next_ = [script = std::move(script)](std::span<const TokenId> context) {
            return context.size() < 4 ? 0 : script[std::min(context.size() - 4, script.size() - 1)];
        };
    }

    EngineLoop& loop() {
        if (loop_) return *loop_;
        auto model = std::make_shared<FakeModel>(kPages, kPageTokens, tokenizer_->vocab_size(), next_);
        loop_ = std::make_unique<EngineLoop>(
            EngineLoopParts{.forward =
                                [this, model](const Batch& batch, std::span<float> logits) {
                                    gate_.pass();
                                    if (before_) before_(batch, logits);
                                    model->forward(batch, logits);
                                    if (after_) after_(batch, logits);
                                },
                            .tokenizer = tokenizer_,
                            .vocab = static_cast<uint32_t>(tokenizer_->vocab_size()),
                            .ctx_tokens = options_.ctx_tokens,
                            .n_pages = kPages,
                            .page_tokens = kPageTokens,
                            .logit_rows = options_.max_sequences + 8,
                            .options = options_});
        return *loop_;
    }
    void TearDown() override { gate_.open(); }

    std::unique_ptr<EventStream> submit(EngineRequest request) {
        auto stream = loop().submit(std::move(request));
        EXPECT_TRUE(stream) << stream.error().message;
        return stream ? std::move(*stream) : nullptr;
    }
    Answer ask(EngineRequest request) { return read(*submit(std::move(request))); }

    static EngineRequest greedy(std::vector<TokenId> prompt, int32_t max_tokens) {
        return {.prompt = std::move(prompt), .sampling = {.temperature = 0}, .max_tokens = max_tokens};
    }
    // Waits until the engine has nothing to do, then expects all pages to be free.
    void expect_idle() {
        for (int i = 0; i < 2000; ++i) {
            const EngineStats stats = loop().stats();
            if (stats.running == 0 && stats.waiting == 0 && stats.pages_free == stats.pages_total) return;
            std::this_thread::sleep_for(1ms);
        }
        const EngineStats stats = loop().stats();
        FAIL() << stats.running << " running, " << stats.waiting << " waiting, " << stats.pages_free << " of "
               << stats.pages_total << " pages free";
    }
};

TEST_F(EngineLoopTest, GeneratesUpToMaxTokens) {
    answer_with({7, 8, 9, 10, 11});
    const Answer answer = ask(greedy({1, 2, 3, 4}, 3));
    EXPECT_EQ(answer.text, "hij");
    EXPECT_EQ(answer.tokens, (std::vector<TokenId>{7, 8, 9}));
    ASSERT_TRUE(answer.admitted && answer.finished);
    EXPECT_EQ(answer.admitted->prompt_tokens, 4);
    EXPECT_EQ(answer.finished->reason, FinishReason::kLength);
    EXPECT_EQ(answer.finished->usage.prompt_tokens, 4);
    EXPECT_EQ(answer.finished->usage.completion_tokens, 3);
    expect_idle();
}

TEST_F(EngineLoopTest, EndsAtTheContextsEnd) {
    const Answer answer = ask(greedy({1, 2, 3, 4}, -1));
    EXPECT_EQ(answer.finished->reason, FinishReason::kLength);
    EXPECT_EQ(answer.finished->usage.completion_tokens, 60);
    EXPECT_EQ(ask(greedy(std::vector<TokenId>(63, 1), 100)).finished->usage.completion_tokens, 1);
}

TEST_F(EngineLoopTest, EndsAtTheEndTokenWhichIsCountedButNotShown) {
    answer_with({7, 8, 26, 9});
    const Answer answer = ask(greedy({1, 2, 3, 4}, 10));
    EXPECT_EQ(answer.text, "hi");
    EXPECT_EQ(answer.tokens.size(), 2u);
    EXPECT_EQ(answer.finished->reason, FinishReason::kStop);
    EXPECT_EQ(answer.finished->stop_sequence, "");
    EXPECT_EQ(answer.finished->usage.completion_tokens, 3);
}

TEST_F(EngineLoopTest, IgnoringTheEndMeansThatItIsNeverChosen) {
    answer_with({7, 8, 26, 9});
    EngineRequest request = greedy({1, 2, 3, 4}, 4);
    request.ignore_eos = true;
    const Answer answer = ask(std::move(request));
    EXPECT_EQ(answer.tokens.size(), 4u);
    EXPECT_THAT(answer.tokens, ::testing::Not(::testing::Contains(26)));
}

TEST_F(EngineLoopTest, AStopStringAcrossTokensEndsTheTextBeforeIt) {
    answer_with({7, 8, 18, 19, 14, 15, 9});  // hi stop j
    EngineRequest request = greedy({1, 2, 3, 4}, 10);
    request.stop = {"stop", "never"};
    request.top_logprobs = 0;
    const Answer answer = ask(std::move(request));
    EXPECT_EQ(answer.text, "hi");
    EXPECT_EQ(answer.tokens, (std::vector<TokenId>{7, 8})) << "tokens of the stop string are not sent";
    EXPECT_EQ(answer.logprobs.size(), 2u);
    EXPECT_EQ(answer.finished->reason, FinishReason::kStop);
    EXPECT_EQ(answer.finished->stop_sequence, "stop");
    EXPECT_EQ(answer.finished->usage.completion_tokens, 6);
}

TEST_F(EngineLoopTest, TextHeldBackForAStopStringThatDidNotComeIsSent) {
    answer_with({18, 19, 14, 9, 18, 19});  // stoj st
    EngineRequest request = greedy({1, 2, 3, 4}, 6);
    request.stop = {"stop"};
    const Answer answer = ask(std::move(request));
    EXPECT_EQ(answer.text, "stojst");
    EXPECT_EQ(answer.tokens.size(), 6u);
    EXPECT_EQ(answer.finished->reason, FinishReason::kLength);
}

TEST_F(EngineLoopTest, CharactersAcrossTokensArriveWhole) {
    tokenizer_ = std::make_shared<FakeTokenizer>(
        std::vector<std::string>{"a", "\xF0\x9F", "\x98\x80", "\xE2\x82", "<end>"});
    answer_with({1, 2, 0, 3});
    const auto stream = submit(greedy({0, 0, 0, 0}, 4));
    std::vector<std::string> pieces;
    Answer answer;
    while (auto event = stream->next()) {
        if (const auto* delta = std::get_if<Delta>(&*event); delta != nullptr && !delta->text.empty())
            pieces.push_back(delta->text);
        answer.add(std::move(*event));
    }
    EXPECT_EQ(pieces, (std::vector<std::string>{"\xF0\x9F\x98\x80", "a", "\xEF\xBF\xBD"}));
    EXPECT_EQ(answer.tokens.size(), 4u);
}

TEST_F(EngineLoopTest, LogprobsComeWithTheirTokens) {
    EngineRequest request = greedy({1, 2, 3, 4}, 5);
    request.top_logprobs = 3;
    request.sampling.logit_bias = {{3, 9000.0f}};
    const Answer answer = ask(std::move(request));
    ASSERT_EQ(answer.logprobs.size(), 5u);
    for (const auto& logprobs : answer.logprobs) {
        EXPECT_EQ(logprobs.chosen.id, 3);
        EXPECT_LE(logprobs.chosen.logprob, 0);
        ASSERT_EQ(logprobs.top.size(), 3u);
        EXPECT_GE(logprobs.top[0].logprob, logprobs.top[1].logprob);
        EXPECT_NEAR(logprobs.top[0].logprob, 0, 0.01) << "raw: the bias does not show";
    }
}

TEST_F(EngineLoopTest, MaxTokensZeroComputesThePromptOnly) {
    const Answer answer = ask(greedy(std::vector<TokenId>(20, 1), 0));
    EXPECT_EQ(answer.finished->reason, FinishReason::kLength);
    EXPECT_EQ(answer.finished->usage.completion_tokens, 0);
    EXPECT_EQ(ask(greedy(std::vector<TokenId>(20, 1), 1)).finished->usage.cached_tokens, 16);
}

TEST_F(EngineLoopTest, ARepeatedPromptIsCachedAndGivesTheSameText) {
    std::vector<TokenId> prompt(30);
    for (size_t i = 0; i < prompt.size(); ++i) prompt[i] = static_cast<TokenId>(i % 20);
    const Answer first = ask(greedy(prompt, 10)), second = ask(greedy(prompt, 10));
    EXPECT_EQ(first.finished->usage.cached_tokens, 0);
    EXPECT_EQ(second.finished->usage.cached_tokens, 28);
    EXPECT_EQ(second.admitted->cached_tokens, 28);
    EXPECT_EQ(first.text, second.text);
}

TEST_F(EngineLoopTest, CancelEndsTheStreamAndGivesThePagesBack) {
    auto stream = submit(greedy({1, 2, 3, 4}, -1));
    gate_.wait_for_arrival();
    stream->cancel();
    const Answer answer = read(*stream);
    // The model may be faster than the cancel.
    EXPECT_TRUE(answer.finished->reason == FinishReason::kCancelled ||
                answer.finished->reason == FinishReason::kLength);
    expect_idle();
}

TEST_F(EngineLoopTest, CancelTakesEffectWithinOneStep) {
    gate_.close();
    auto stream = submit(greedy({1, 2, 3, 4}, -1));
    gate_.wait_for_arrival();
    stream->cancel();
    gate_.open();
    const Answer answer = read(*stream);
    EXPECT_EQ(answer.finished->reason, FinishReason::kCancelled);
    EXPECT_LE(answer.tokens.size(), 1u);
    EXPECT_EQ(loop().stats().steps, 1u);
}

TEST_F(EngineLoopTest, AStreamThatIsDestroyedCancels) {
    for (int i = 0; i < 20; ++i) submit(greedy({1, 2, 3, i}, -1));
    expect_idle();
}

TEST_F(EngineLoopTest, RunningOutOfTimeFailsWithWhatWasDone) {
    before_ = [](auto&&...) { std::this_thread::sleep_for(5ms); };
    EngineRequest request = greedy({1, 2, 3, 4}, -1);
    request.deadline = 30ms;
    const Answer answer = ask(std::move(request));
    ASSERT_TRUE(answer.error);
    EXPECT_EQ(answer.error->code, ErrorCode::kDeadline);
    EXPECT_THAT(answer.error->message, ::testing::HasSubstr("0.03 s"));
    EXPECT_THAT(answer.error->message, ::testing::HasSubstr("of 60 tokens"));
}

TEST_F(EngineLoopTest, DeadlinesHoldForRequestsWhoseReaderSleeps) {
    options_.event_queue = 1;
    EngineRequest request = greedy({1, 2, 3, 4}, -1);
    request.deadline = 20ms;
    auto stream = submit(std::move(request));
    expect_idle();
    EXPECT_EQ(read(*stream).error->code, ErrorCode::kDeadline);
}

TEST_F(EngineLoopTest, AFullQueueRefuses) {
    options_.max_sequences = 1;
    options_.queue = 2;
    gate_.close();
    auto running = submit(greedy({1, 2, 3, 4}, 5));
    gate_.wait_for_arrival();
    auto first = submit(greedy({1, 2, 3, 4}, 5)), second = submit(greedy({1, 2, 3, 4}, 5));
    EXPECT_EQ(loop().stats().waiting, 2u);
    const auto third = loop().submit(greedy({1, 2, 3, 4}, 5));
    ASSERT_FALSE(third);
    EXPECT_EQ(third.error().code, ErrorCode::kQueueFull);
    EXPECT_THAT(third.error().message, ::testing::HasSubstr("2 requests"));
    gate_.open();
    for (auto* stream : {&running, &first, &second}) EXPECT_TRUE(read(**stream).finished);
    expect_idle();
    EXPECT_TRUE(loop().submit(greedy({1, 2, 3, 4}, 5)));
}

TEST_F(EngineLoopTest, ASlowReaderStallsOnlyItself) {
    options_.event_queue = 4;
    auto slow = submit(greedy({1, 2, 3, 4}, 50));
    for (TokenId i = 0; i < 5; ++i) EXPECT_TRUE(ask(greedy({i, 5, 6, 7}, 50)).finished);
    Answer answer = read(*slow);
    EXPECT_EQ(answer.finished->usage.completion_tokens, 50);
    EXPECT_EQ(answer.tokens.size(), 50u);
    EXPECT_EQ(answer.text, ask(greedy({1, 2, 3, 4}, 50)).text);
}

TEST_F(EngineLoopTest, AFailingForwardPassEndsItsRequestsOnly) {
    std::atomic<int> failures = 1;
    before_ = [&](auto&&...) {
        if (failures-- > 0) throw std::bad_alloc();
        if (failures == -5) throw std::runtime_error("lost device");
    };
    Answer answer = ask(greedy({1, 2, 3, 4}, 2));
    EXPECT_EQ(answer.error->code, ErrorCode::kOutOfMemory);
    answer = ask(greedy({1, 2, 3, 4}, 20));
    EXPECT_EQ(answer.error->code, ErrorCode::kInternal);
    EXPECT_THAT(answer.error->message, ::testing::HasSubstr("lost device"));
    EXPECT_TRUE(ask(greedy({1, 2, 3, 4}, 20)).finished);
    expect_idle();
}

TEST_F(EngineLoopTest, ValuesThatAreNoNumbersEndTheirRequestOnly) {
    after_ = [](const Batch& batch, std::span<float> logits) {
        const size_t vocab = logits.size() / std::max<size_t>(batch.logit_rows.size(), 1);
        for (size_t i = 0; i < batch.logit_rows.size(); ++i)
            if (batch.tokens[static_cast<size_t>(batch.logit_rows[i])] == 25)
                logits[i * vocab + 3] = std::numeric_limits<float>::quiet_NaN();
    };
    next_ = [](std::span<const TokenId> context) { return context.front(); };
    auto healthy = submit(greedy({1, 2, 3, 4}, 30));
    EXPECT_EQ(ask(greedy({25, 25, 25}, 30)).error->code, ErrorCode::kNumeric);
    EXPECT_TRUE(read(*healthy).finished);
}

TEST_F(EngineLoopTest, TheEndOfTheEngineEndsEveryStream) {
    gate_.close();
    options_.max_sequences = 1;
    auto running = submit(greedy({1, 2, 3, 4}, -1)), waiting = submit(greedy({1, 2, 3, 4}, -1));
    gate_.wait_for_arrival();
    auto late = submit(greedy({1, 2, 3, 4}, -1));
    std::jthread opener([&] {
        std::this_thread::sleep_for(5ms);
        gate_.open();
    });
    loop_.reset();
    for (auto* stream : {&running, &waiting, &late}) {
        const Answer answer = read(**stream);
        ASSERT_TRUE(answer.error);
        EXPECT_EQ(answer.error->code, ErrorCode::kUnavailable);
    }
}

TEST_F(EngineLoopTest, EveryoneGetsTheTextOfBeingAloneInAnyCompany) {
    const auto request = [](TokenId i) {
        EngineRequest request = greedy({i % 5, 1, 2, 3, 4, 5, 6, 7, i}, 30);
        request.sampling = {.temperature = 1.5f,
                            .top_k = i % 2 == 0 ? 10 : 0,
                            .top_p = 0.9f,
                            .repeat_penalty = 1.1f,
                            .seed = static_cast<uint64_t>(i)};
        return request;
    };
    std::vector<std::string> alone;
    for (TokenId i = 0; i < 20; ++i) alone.push_back(ask(request(i)).text);
    loop_.reset();  // and with an empty cache
    options_.prefill_chunk = 3;
    std::vector<std::jthread> clients;
    for (TokenId i = 0; i < 20; ++i)
        clients.emplace_back([&, i, stream = std::shared_ptr(submit(request(i)))] {
            EXPECT_EQ(read(*stream).text, alone[static_cast<size_t>(i)]) << i;
        });
    clients.clear();
    expect_idle();
}

TEST_F(EngineLoopTest, ManyThreadsSubmitReadAndGoAway) {
    std::vector<std::jthread> clients;
    loop();
    for (int thread = 0; thread < 4; ++thread)
        clients.emplace_back([this, thread] {
            for (TokenId i = 0; i < 40; ++i) {
                auto stream = submit(greedy({thread, i % 26, 2, 3, 4}, 20));
                if (i % 3 == 0) continue;
                if (i % 3 == 1) stream->cancel();
                read(*stream);
            }
        });
    clients.clear();
    expect_idle();
}

TEST_F(EngineLoopTest, OnReadyAnnouncesEveryEvent) {
    gate_.close();
    auto stream = submit(greedy({1, 2, 3, 4}, 10));
    std::promise<Answer> done;
    Answer answer;
    stream->on_ready([&] {
        while (auto event = stream->try_next()) answer.add(std::move(*event));
        if (answer.finished) done.set_value(answer);
    });
    gate_.wait_for_arrival();
    while (auto event = stream->try_next()) answer.add(std::move(*event));
    gate_.open();
    EXPECT_EQ(done.get_future().get().tokens.size(), 10u);
    stream->on_ready({});
}

TEST_F(EngineLoopTest, OnReadyMayDropItsOwnStream) {
    gate_.close();
    auto stream = submit(greedy({1, 2, 3, 4}, -1));
    EventStream* const raw = stream.get();
    std::promise<void> dropped;
    raw->on_ready([held = std::shared_ptr(std::move(stream)), &dropped]() mutable {
        if (!held) return;
        held.reset();
        dropped.set_value();
    });
    gate_.wait_for_arrival();
    gate_.open();
    dropped.get_future().wait();
    expect_idle();
}

TEST_F(EngineLoopTest, RefusesWhatItCannotServe) {
    EXPECT_EQ(loop().submit(greedy({}, 3)).error().param, "prompt");
    EXPECT_EQ(loop().submit(greedy({27}, 3)).error().param, "prompt");
    EXPECT_EQ(loop().submit(greedy(std::vector<TokenId>(64, 1), 3)).error().code, ErrorCode::kContextLength);
    expect_idle();
}

double process_cpu_s() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

TEST_F(EngineLoopTest, SleepsWhenThereIsNothingToDo) {
    options_.event_queue = 1;
    auto stalled = submit(greedy({1, 2, 3, 4}, 50));
    ask(greedy({1, 2, 3, 4}, 1));
    std::this_thread::sleep_for(20ms);
    const double before = process_cpu_s();
    std::this_thread::sleep_for(300ms);
    EXPECT_LT(process_cpu_s() - before, 0.02);
}

}  // namespace
}  // namespace airframe
