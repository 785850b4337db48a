#include "airframe/engine/draft_model.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/check.h"

namespace airframe {

namespace {

// A guess less sure than this seldom comes true, and all behind it would be lost too.
constexpr float kLeastConfidence = 0.4F;

struct Guess {
    TokenId id;
    bool sure;
};

// The likeliest token and whether its share of the distribution is large enough.
Guess likeliest(std::span<const float> logits) {
    const auto best = std::ranges::max_element(logits);
    float total = 0;
    for (const float logit : logits) total += std::exp(logit - *best);
    return {static_cast<TokenId>(best - logits.begin()), total * kLeastConfidence <= 1};
}

}  // namespace

DraftModel::DraftModel(Parts parts)
    : parts_(std::move(parts)),
      free_pages_(static_cast<size_t>(parts_.n_pages)),
      logits_(static_cast<size_t>(parts_.logit_rows_max) * parts_.vocab) {
    CHECK(parts_.known > 0 && parts_.known <= parts_.vocab, "{} of {} tokens", parts_.known, parts_.vocab);
    std::iota(free_pages_.begin(), free_pages_.end(), 0);
}

int32_t DraftModel::propose(std::span<const DraftTask> tasks, int32_t rows) {
    for (const DraftTask& task : tasks) task.draft->clear();
    plan(tasks, rows);
    int32_t made = 0;
    while (!rows_.empty()) {
        compute();
        made += guess();
    }
    return made;
}

void DraftModel::forget(uint64_t sequence_id) {
    const auto found = states_.find(sequence_id);
    if (found == states_.end()) return;
    std::ranges::copy(found->second.pages, std::back_inserter(free_pages_));
    states_.erase(found);
}

bool DraftModel::make_room(State& state, size_t tokens) {
    const auto page_tokens = static_cast<size_t>(parts_.page_tokens);
    const size_t needed = (tokens + page_tokens - 1) / page_tokens;
    if (needed > state.pages.size() + free_pages_.size()) return false;
    while (state.pages.size() < needed) {
        state.pages.push_back(free_pages_.back());
        free_pages_.pop_back();
    }
    return true;
}

// Guesses that came out wrong are overwritten, and so is the newest token: its logits are wanted.
void DraftModel::take_back_wrong(const Sequence& sequence, State& state) {
    const std::vector<TokenId>& tokens = sequence.tokens;
    const size_t most = std::min(state.tokens.size(), tokens.size() - 1);
    size_t same = std::min(state.agreed, most);
    while (same < most && state.tokens[same] == tokens[same]) ++same;
    state.tokens.resize(same);
    state.agreed = same;
}

// The first pass: the tokens that came since the last time. Those who lag behind take what the others leave.
void DraftModel::plan(std::span<const DraftTask> tasks, int32_t rows) {
    rows_.clear();
    auto left = static_cast<size_t>(
        std::min<int64_t>(parts_.rows_max, std::max<int64_t>(int64_t{rows} * parts_.speed, 1)));
    for (const bool lagging : {false, true})
        for (const DraftTask& task : tasks)
            if (left > 0 && std::ssize(rows_) < parts_.logit_rows_max) left -= add_row(task, lagging, left);
}

// Adds what is missing of a sequence, as far as `left` rows go; how many that was.
size_t DraftModel::add_row(const DraftTask& task, bool lagging, size_t left) {
    const std::vector<TokenId>& tokens = task.sequence->tokens;
    const size_t room = tokens.size() + static_cast<size_t>(task.most);
    if (task.most < 1 || room > parts_.ctx_tokens) return 0;
    State& state = states_[task.sequence->id];
    take_back_wrong(*task.sequence, state);
    const size_t missing = tokens.size() - state.tokens.size();
    const bool lags = missing > kDraftTokensMax + 1;
    if (lags != lagging || !make_room(state, room)) return 0;
    const size_t count = std::min(missing, left);
    rows_.push_back({.task = &task,
                     .state = &state,
                     .tokens = std::span(tokens).subspan(state.tokens.size(), count),
                     .guesses = count == missing});
    return count;
}

void DraftModel::compute() {
    tokens_.clear(), positions_.clear(), logit_rows_.clear(), slices_.clear();
    for (const Row& row : rows_) {
        const auto before = static_cast<int32_t>(row.state->tokens.size());
        slices_.push_back({.first_row = static_cast<int32_t>(tokens_.size()),
                           .n_rows = static_cast<int32_t>(row.tokens.size()),
                           .kv_tokens = before,
                           .pages = row.state->pages});
        for (const TokenId token : row.tokens) {
            positions_.push_back(before + static_cast<int32_t>(positions_.size()) - slices_.back().first_row);
            tokens_.push_back(token);
        }
        if (row.guesses) logit_rows_.push_back(static_cast<int32_t>(tokens_.size()) - 1);
    }
    parts_.forward({.tokens = tokens_, .positions = positions_, .slices = slices_, .logit_rows = logit_rows_},
                   std::span(logits_).first(logit_rows_.size() * parts_.vocab));
    for (const Row& row : rows_)
        row.state->tokens.insert(row.state->tokens.end(), row.tokens.begin(), row.tokens.end());
}

// Takes a guess from each row of logits; rows_ becomes the next pass, of those that go on.
int32_t DraftModel::guess() {
    int32_t made = 0;
    size_t logit_row = 0, kept = 0;
    for (Row& row : rows_) {
        if (!row.guesses) {
            row.state->agreed = row.state->tokens.size();
            continue;
        }
        const float* logits = &logits_[parts_.vocab * logit_row++];
        const Guess next = likeliest({logits, parts_.known});
        if (!next.sure) continue;
        std::vector<TokenId>& draft = *row.task->draft;
        draft.push_back(next.id);
        ++made;
        if (static_cast<int32_t>(draft.size()) == row.task->most) continue;
        row.tokens = std::span(draft).last(1);
        rows_[kept++] = row;
    }
    rows_.resize(kept);
    return made;
}

base::Result<void> check_same_vocabulary(const Tokenizer& model, const Tokenizer& draft) {
    const int32_t both = std::min(model.vocab_size(), draft.vocab_size());
    for (TokenId id = 0; id < both; ++id) {
        if (model.piece(id) == draft.piece(id)) continue;
        auto error =
            base::fail(base::ErrorCode::kInvalidArgument,
                       "The draft model has another vocabulary: token {} is \"{}\" there and \"{}\" in "
                       "the model. Choose a small model of the same family.",
                       id, draft.piece(id), model.piece(id));
        error.error().param = "draft-model";
        return error;
    }
    return {};
}

}  // namespace airframe
