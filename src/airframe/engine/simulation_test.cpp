// The scheduler and the page pool under thousands of seeded days: tiny pools, shared beginnings, random
// arrivals, cancels, stalls and failing steps. After each step nothing may contradict itself; each request
// ends exactly once with the text it would have got alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "airframe/engine/fake_model.h"
#include "airframe/engine/scheduler.h"
#include "base/rng.h"

namespace airframe {
namespace {

constexpr TokenId kVocab = 40;
constexpr TokenId kEnd = kVocab - 1;

TokenId next_token(std::span<const TokenId> context) { return hashed_next(context, kVocab); }

struct Client {
    Sequence sequence;
    std::vector<TokenId> prompt, answer;
    int32_t answer_max = 0;
    int ends = 0;
    bool cancelled = false;
    int32_t scored = 0;  // positions of the prompt whose logits have come
    bool wants_scores = false;
    bool live() const { return ends == 0; }
};

class Day {
  public:
    explicit Day(uint64_t seed)
        : rng_(seed),
          page_tokens_(1 + below(5)),
          n_pages_(2 + below(20)),
          sequences_max_(1 + below(6)),
          rows_max_(sequences_max_ + below(12)),
          logit_rows_max_(sequences_max_ + below(8)),
          pages_(n_pages_, page_tokens_),
          scheduler_(
              {.sequences_max = sequences_max_, .rows_max = rows_max_, .logit_rows_max = logit_rows_max_},
              pages_),
          model_(n_pages_, page_tokens_, kVocab, next_token) {
        for (auto& beginning : beginnings_) beginning = random_tokens(ctx() / 2);
    }

    void run() {
        const int arrivals = 2 + below(12);
        for (int step = 0; step < 20000 && (clients_.size() < static_cast<size_t>(arrivals) || any_live());
             ++step) {
            if (clients_.size() < static_cast<size_t>(arrivals) && below(3) == 0) arrive();
            disturb(step);
            one_step();
            if (::testing::Test::HasFatalFailure()) return;
        }
        ASSERT_FALSE(any_live()) << "a request starved";
        ASSERT_EQ(pages_.available(), n_pages_) << "pages leaked";
        for (const auto& client : clients_) check_answer(*client);
    }

    uint64_t preemptions() const { return scheduler_.n_preemptions(); }
    uint64_t cached_tokens() const { return cached_tokens_; }
    uint64_t drafted_tokens() const { return drafted_tokens_; }

  private:
    int32_t below(int32_t bound) {
        return static_cast<int32_t>(rng_.next_below(static_cast<uint64_t>(bound)));
    }
    int32_t ctx() const { return n_pages_ * page_tokens_; }
    std::vector<TokenId> random_tokens(int32_t n) {
        std::vector<TokenId> tokens(static_cast<size_t>(n));
        for (TokenId& token : tokens) token = below(kEnd);
        return tokens;
    }
    bool any_live() const {
        return std::ranges::any_of(clients_, [](const auto& client) { return client->live(); });
    }

    void arrive() {
        auto client = std::make_unique<Client>();
        client->prompt = beginnings_[rng_.next_below(std::size(beginnings_))];
        client->prompt.resize(rng_.next_below(client->prompt.size() + 1));
        const auto more = random_tokens(1 + below(std::max(1, ctx() / 4)));
        client->prompt.insert(client->prompt.end(), more.begin(), more.end());
        client->prompt.resize(std::min(client->prompt.size(), static_cast<size_t>(ctx() - 1)));
        client->answer_max = 1 + below(ctx() - static_cast<int32_t>(client->prompt.size()));
        client->sequence = make_sequence(client->prompt, ctx(), page_tokens_, below(4) == 0 ? "other" : "");
        client->sequence.id = clients_.size() + 1;
        client->wants_scores = below(6) == 0;
        if (client->wants_scores)
            client->sequence.logits_to = static_cast<int32_t>(client->prompt.size()) - 1;
        scheduler_.add(client->sequence);
        clients_.push_back(std::move(client));
    }

    // Readers go away, fall behind and catch up. Nobody stays behind for ever.
    void disturb(int step) {
        for (const auto& client : clients_) {
            if (!client->live()) continue;
            if (below(200) == 0) {
                scheduler_.remove(client->sequence);
                client->cancelled = true;
                ++client->ends;
            } else if (client->sequence.stalled) {
                client->sequence.stalled = step < 5000 && below(6) != 0;
            } else {
                client->sequence.stalled = step < 5000 && below(20) == 0;
            }
        }
    }

    // Guesses, most of them right.
    void draft() {
        for (const auto& client : clients_) {
            Sequence& sequence = client->sequence;
            sequence.draft.clear();
            const int32_t room = client->answer_max - static_cast<int32_t>(client->answer.size()) - 1;
            if (!client->live() || sequence.state != SequenceState::kRunning || below(2) == 0) continue;
            std::vector<TokenId> context = sequence.tokens;
            for (int32_t n = below(static_cast<int32_t>(kDraftTokensMax) + 1); n > 0; --n) {
                if (static_cast<int32_t>(sequence.draft.size()) >= room) break;
                context.push_back(below(5) == 0 ? below(kVocab) : next_token(context));
                sequence.draft.push_back(context.back());
            }
        }
    }

    void one_step() {
        draft();
        const Step& step = scheduler_.next(1 + below(rows_max_ + 3));
        check_sound();
        check_batch(step);
        if (::testing::Test::HasFatalFailure()) return;
        if (below(50) == 0) return;  // the forward pass has failed
        logits_.resize(step.batch.logit_rows.size() * kVocab);
        model_.forward(step.batch, logits_);
        results_.assign(step.items.size(), {});
        new_tokens_.assign(step.items.size(), {});
        for (size_t i = 0; i < step.items.size(); ++i) results_[i] = answer(step.items[i], new_tokens_[i]);
        scheduler_.commit(results_);
        check_sound();
    }

    // Each position of a prompt that wants them has its logits once, in order.
    int32_t check_scores(const StepItem& item) {
        Client& client = *clients_[item.sequence->id - 1];
        const int32_t first = item.sequence->computed_tokens + item.n_rows - item.n_logits;
        if (!client.wants_scores) return 0;
        const auto last = static_cast<int32_t>(client.prompt.size()) - 1;
        int32_t row = 0;
        for (; row < item.n_logits && client.scored < last; ++row, ++client.scored)
            EXPECT_EQ(first + row, client.scored);
        return row;
    }

    ItemResult answer(const StepItem& item, std::vector<TokenId>& tokens) {
        Client& client = *clients_[item.sequence->id - 1];
        const Sequence& sequence = *item.sequence;
        for (int32_t i = check_scores(item); i < item.n_logits; ++i) {
            const auto row = logits_.begin() + static_cast<ptrdiff_t>(item.logit_row + i) * kVocab;
            const auto token = static_cast<TokenId>(std::max_element(row, row + kVocab) - row);
            client.answer.push_back(token);
            if (token == kEnd || static_cast<int32_t>(client.answer.size()) == client.answer_max) {
                ++client.ends;
                return {.tokens = tokens, .ends = true};
            }
            tokens.push_back(token);
            if (i + 1 < item.n_logits && sequence.draft[tokens.size() - 1] != token) break;
            drafted_tokens_ += i + 1 < item.n_logits ? 1 : 0;
        }
        return {.tokens = tokens};
    }

    void check_sound() {
        const auto fault = scheduler_.find_fault();
        ASSERT_FALSE(fault) << *fault;
    }

    void check_batch(const Step& step) {
        n_rows_ = static_cast<int32_t>(step.batch.tokens.size());
        ASSERT_LE(n_rows_, rows_max_);
        ASSERT_LE(step.batch.logit_rows.size(), static_cast<size_t>(logit_rows_max_));
        ASSERT_LE(scheduler_.n_running(), static_cast<size_t>(sequences_max_));
        int32_t row = 0;
        for (size_t i = 0; i < step.items.size(); ++i) {
            const Sequence& sequence = *step.items[i].sequence;
            const BatchSlice& slice = step.batch.slices[i];
            ASSERT_FALSE(sequence.stalled);
            ASSERT_TRUE(clients_[sequence.id - 1]->live());
            ASSERT_EQ(slice.first_row, row);
            ASSERT_GE(slice.n_rows, 1);
            ASSERT_GE(static_cast<int32_t>(slice.pages.size()),
                      pages_.pages_for(slice.kv_tokens + slice.n_rows));
            row += slice.n_rows;
        }
        ASSERT_EQ(row, n_rows_);
        for (const Sequence* sequence : step.admitted)
            cached_tokens_ += static_cast<uint64_t>(sequence->cached_tokens);
        if (n_rows_ > 0) return;
        for (const auto& client : clients_)
            ASSERT_TRUE(!client->live() || client->sequence.stalled)
                << "an empty step, but someone could go on";
    }

    static void check_answer(const Client& client) {
        ASSERT_EQ(client.ends, 1);
        std::vector<TokenId> context = client.prompt;
        for (const TokenId token : client.answer) {
            ASSERT_EQ(token, next_token(context));
            context.push_back(token);
        }
        if (client.cancelled) return;
        ASSERT_EQ(client.scored, client.wants_scores ? static_cast<int32_t>(client.prompt.size()) - 1 : 0);
        ASSERT_TRUE(client.answer.back() == kEnd ||
                    static_cast<int32_t>(client.answer.size()) == client.answer_max);
    }

    base::Rng rng_;
    int32_t page_tokens_, n_pages_, sequences_max_, rows_max_, logit_rows_max_;
    PagePool pages_;
    Scheduler scheduler_;
    FakeModel model_;
    std::vector<TokenId> beginnings_[3];
    std::vector<std::unique_ptr<Client>> clients_;
    std::vector<float> logits_;
    std::vector<ItemResult> results_;
    std::vector<std::vector<TokenId>> new_tokens_;
    int32_t n_rows_ = 0;
    uint64_t cached_tokens_ = 0, drafted_tokens_ = 0;
};

TEST(Simulation, NothingLeaksNobodyStarvesEveryoneGetsTheTextOfBeingAlone) {
    uint64_t preemptions = 0, cached_tokens = 0, drafted_tokens = 0;
    for (uint64_t seed = 0; seed < 10000; ++seed) {
        SCOPED_TRACE(seed);
        Day day(seed);
        day.run();
        ASSERT_FALSE(HasFatalFailure());
        preemptions += day.preemptions();
        cached_tokens += day.cached_tokens();
        drafted_tokens += day.drafted_tokens();
    }
    // The days must have been hard enough to mean something.
    EXPECT_GT(preemptions, 10000u);
    EXPECT_GT(cached_tokens, 50000u);
    EXPECT_GT(drafted_tokens, 10000u);
}

}  // namespace
}  // namespace airframe
