#include "shimmy/app/lone_sequence.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/check.h"

namespace shimmy {

using airframe::BatchSlice;
using airframe::KvPool;
using airframe::Model;

namespace {
constexpr uint32_t kPageTokens = 32;
}

base::Result<LoneSequence> LoneSequence::create(Model& model, uint32_t ctx_tokens) {
    const auto n_pages = static_cast<int32_t>((ctx_tokens + kPageTokens - 1) / kPageTokens);
    TRY(KvPool pool,
        KvPool::create(model.spec(), model.backend(), {.page_tokens = kPageTokens, .n_pages = n_pages}));
    return LoneSequence(model, std::move(pool));
}

LoneSequence::LoneSequence(Model& model, KvPool pool)
    : model_(&model), pool_(std::move(pool)), pages_(static_cast<size_t>(pool_.options().n_pages)) {
    std::iota(pages_.begin(), pages_.end(), 0);
    positions_.resize(pages_.size() * kPageTokens);
    std::iota(positions_.begin(), positions_.end(), 0);
    logits_.resize(model.spec().vocab);
}

std::span<const float> LoneSequence::append(std::span<const int32_t> tokens) {
    CHECK(!tokens.empty() && position_ + tokens.size() <= positions_.size(),
          "{} tokens after {} in room for {}", tokens.size(), position_, positions_.size());
    while (!tokens.empty()) {
        const size_t rows = std::min<size_t>(model_->options().batch_rows_max, tokens.size());
        const BatchSlice slice{.first_row = 0,
                               .n_rows = static_cast<int32_t>(rows),
                               .kv_tokens = static_cast<int32_t>(position_),
                               .pages = pages_};
        const auto last_row = static_cast<int32_t>(rows) - 1;
        const bool last_piece = rows == tokens.size();
        const std::span<const int32_t> logit_rows(&last_row, last_piece ? 1 : 0);
        model_->forward({.tokens = tokens.first(rows),
                         .positions = std::span(positions_).subspan(position_, rows),
                         .slices = {&slice, 1},
                         .logit_rows = logit_rows},
                        pool_, std::span(logits_).first(last_piece ? logits_.size() : 0));
        position_ += rows;
        tokens = tokens.subspan(rows);
    }
    return logits_;
}

}  // namespace shimmy
