#include "airframe/engine/scheduler.h"

#include <gtest/gtest.h>

#include <memory>
#include <numeric>

namespace airframe {
namespace {

constexpr int32_t kPageTokens = 4;

class SchedulerTest : public ::testing::Test {
  protected:
    PagePool pages_{16, kPageTokens};
    Scheduler scheduler_{{.sequences_max = 4, .rows_max = 8, .logit_rows_max = 6}, pages_};
    std::vector<std::unique_ptr<Sequence>> sequences_;

    // Tokens `first`, first + 1, …
    Sequence& add(int32_t n_tokens, TokenId first = 0) {
        std::vector<TokenId> prompt(static_cast<size_t>(n_tokens));
        std::iota(prompt.begin(), prompt.end(), first);
        sequences_.push_back(std::make_unique<Sequence>(make_sequence(prompt, 64, kPageTokens)));
        sequences_.back()->id = sequences_.size();
        scheduler_.add(*sequences_.back());
        return *sequences_.back();
    }
    const Step& next(int32_t prefill_rows = 8) {
        const Step& step = scheduler_.next(prefill_rows);
        const auto fault = scheduler_.find_fault();
        EXPECT_FALSE(fault) << *fault;
        return step;
    }
    // Computes the step; each row of logits yields `token`.
    void commit(const Step& step, TokenId token = 100) {
        std::vector<ItemResult> results(step.items.size());
        for (size_t i = 0; i < results.size(); ++i)
            if (step.items[i].n_rows >= step.items[i].sequence->remaining()) results[i].tokens = {&token, 1};
        scheduler_.commit(results);
        const auto fault = scheduler_.find_fault();
        EXPECT_FALSE(fault) << *fault;
    }
    void run(int steps) {
        for (int i = 0; i < steps; ++i) commit(next());
    }
    static int32_t rows_of(const Step& step, const Sequence& sequence) {
        for (const StepItem& item : step.items)
            if (item.sequence == &sequence) return item.n_rows;
        return 0;
    }
};

TEST_F(SchedulerTest, APromptIsComputedInChunksThenTokenByToken) {
    Sequence& sequence = add(11);
    const Step& step = next();
    EXPECT_EQ(step.admitted.size(), 1u);
    EXPECT_EQ(step.batch.tokens.size(), 8u);
    EXPECT_TRUE(step.batch.logit_rows.empty());
    EXPECT_EQ(step.prefill_rows, 8);
    commit(step);
    next();
    ASSERT_EQ(step.batch.tokens.size(), 3u);
    EXPECT_EQ(step.batch.positions[0], 8);
    EXPECT_EQ(step.batch.slices[0].kv_tokens, 8);
    ASSERT_EQ(step.batch.logit_rows.size(), 1u);
    EXPECT_EQ(step.batch.logit_rows[0], 2);
    EXPECT_TRUE(step.admitted.empty());
    commit(step, 77);
    next();
    ASSERT_EQ(step.batch.tokens.size(), 1u);
    EXPECT_EQ(step.batch.tokens[0], 77);
    EXPECT_EQ(step.batch.positions[0], 11);
    EXPECT_EQ(sequence.size(), 12);
}

TEST_F(SchedulerTest, DecodingGoesFirstAndPromptsFillTheRest) {
    Sequence& running = add(2);
    run(1);
    Sequence& prompt = add(20, 50);
    const Step& step = next();
    EXPECT_EQ(rows_of(step, running), 1);
    EXPECT_EQ(rows_of(step, prompt), 7);
    EXPECT_EQ(step.prefill_rows, 7);
    commit(step);
    next(3);
    EXPECT_EQ(rows_of(step, prompt), 3) << "the governor's limit holds";
}

TEST_F(SchedulerTest, AShortPromptPassesALongOneWithoutStoppingIt) {
    Sequence& long_prompt = add(30);
    run(1);
    Sequence& short_prompt = add(4, 50);
    const Step& step = next();
    EXPECT_EQ(rows_of(step, short_prompt), 4);
    EXPECT_EQ(rows_of(step, long_prompt), 4);
    commit(step);
    EXPECT_EQ(short_prompt.size(), 5);
}

TEST_F(SchedulerTest, OfEqualPromptsTheOlderIsFinishedFirst) {
    Sequence& first = add(20);
    Sequence& second = add(20, 50);
    const Step& step = next();
    EXPECT_EQ(rows_of(step, first), 8);
    EXPECT_EQ(rows_of(step, second), 0);
}

TEST_F(SchedulerTest, ARepeatedPromptIsFoundInTheCacheExceptItsLastToken) {
    Sequence& first = add(8);
    run(2);
    scheduler_.remove(first);
    Sequence& second = add(8);
    const Step& step = next();
    EXPECT_EQ(second.cached_tokens, 4) << "the page with the last token is computed again";
    EXPECT_EQ(rows_of(step, second), 4);
    commit(step);
    Sequence& third = add(9);
    next();
    EXPECT_EQ(third.cached_tokens, 8);
}

TEST_F(SchedulerTest, EqualPromptsThatArriveTogetherAreComputedOnce) {
    Sequence& first = add(7);
    Sequence& second = add(7);
    const Step& step = next();
    EXPECT_EQ(rows_of(step, first), 7);
    EXPECT_EQ(rows_of(step, second), 0) << "waits for the page that the first is computing";
    commit(step);
    next();
    EXPECT_EQ(second.cached_tokens, 4);
    EXPECT_EQ(rows_of(step, second), 3);
    EXPECT_EQ(first.pages[0], second.pages[0]);
}

TEST_F(SchedulerTest, TheYoungestGivesWayWhenPagesRunOutAndComesBack) {
    Sequence& old = add(24);
    Sequence& young = add(20, 50);
    run(6);
    ASSERT_EQ(scheduler_.n_running(), 2u);
    const int32_t young_size = young.size();
    int steps = 0;
    for (; scheduler_.n_preemptions() == 0 && steps < 100; ++steps) run(1);
    ASSERT_LT(steps, 100);
    EXPECT_EQ(young.state, SequenceState::kWaiting);
    EXPECT_EQ(old.state, SequenceState::kRunning);
    EXPECT_GE(young.size(), young_size) << "what was generated is kept";
    scheduler_.remove(old);
    const Step& step = next();
    EXPECT_EQ(young.state, SequenceState::kRunning);
    EXPECT_TRUE(step.admitted.empty()) << "it is announced once only";
    EXPECT_GT(young.computed_tokens, 0) << "its own pages were still cached";
}

TEST_F(SchedulerTest, AStalledSequenceStandsStillAndYieldsItsPages) {
    Sequence& stalled = add(40);
    run(6);
    stalled.stalled = true;
    const Step& step = next();
    EXPECT_TRUE(step.items.empty());
    commit(step);
    Sequence& other = add(40, 500);
    next();
    EXPECT_EQ(rows_of(step, other), 8);
    EXPECT_EQ(stalled.state, SequenceState::kWaiting);
    commit(step);
    scheduler_.remove(other);
    stalled.stalled = false;
    next();
    EXPECT_EQ(stalled.state, SequenceState::kRunning);
}

TEST_F(SchedulerTest, SlowReadersDoNotOccupyAllPlaces) {
    std::vector<Sequence*> slow;
    for (TokenId i = 0; i < 4; ++i) slow.push_back(&add(2, 10 * i));
    run(2);
    for (Sequence* sequence : slow) sequence->stalled = true;
    Sequence& other = add(3, 500);
    EXPECT_EQ(rows_of(next(), other), 3);
}

TEST_F(SchedulerTest, AStepThatWasNotCommittedHasNotHappened) {
    Sequence& sequence = add(6);
    next();
    const Step& step = next();
    EXPECT_EQ(rows_of(step, sequence), 6);
    EXPECT_EQ(step.batch.positions[0], 0);
}

TEST_F(SchedulerTest, NobodyPassesTheOldestForPages) {
    Sequence& running = add(40);
    run(5);
    Sequence& big = add(40, 500);
    Sequence& small = add(2, 900);
    const Step& step = next();
    EXPECT_EQ(rows_of(step, big), 0);
    EXPECT_EQ(rows_of(step, small), 0);
    commit(step);
    scheduler_.remove(running);
    next();
    EXPECT_GT(rows_of(step, big), 0);
    EXPECT_EQ(rows_of(step, small), 2);
}

}  // namespace
}  // namespace airframe
