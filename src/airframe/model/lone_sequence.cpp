#include "airframe/model/lone_sequence.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/check.h"

namespace airframe {

namespace {
constexpr uint32_t kPageTokens = 32;
}

base::Result<LoneSequence> LoneSequence::create(Model& model, uint32_t ctx_tokens, KvType kv_type) {
    if (model.spec().encoder)
        return base::fail(base::ErrorCode::kUnsupported,
                          "a {} model is an encoder: it gives embeddings (shimmy embed), not text",
                          model.spec().family);
    const auto n_pages = static_cast<int32_t>((ctx_tokens + kPageTokens - 1) / kPageTokens);
    TRY(KvPool pool, model.make_kv_pool({.type = kv_type, .page_tokens = kPageTokens, .n_pages = n_pages}));
    return LoneSequence(model, std::move(pool));
}

LoneSequence::LoneSequence(Model& model, KvPool pool)
    : model_(&model), pool_(std::move(pool)), pages_(static_cast<size_t>(pool_.options().n_pages)) {
    std::iota(pages_.begin(), pages_.end(), 0);
    positions_.resize(pages_.size() * kPageTokens);
    std::iota(positions_.begin(), positions_.end(), 0);
    logits_.resize(model.spec().vocab);
}

base::Result<void> LoneSequence::forward(std::span<const int32_t> tokens, std::span<float> logits) {
    CHECK(!tokens.empty() && position_ + tokens.size() <= positions_.size(),
          "{} tokens after {} in room for {}", tokens.size(), position_, positions_.size());
    const std::span numbers(positions_);
    const size_t wanted = logits.size() / logits_.size();
    const BatchSlice slice{.first_row = 0,
                           .n_rows = static_cast<int32_t>(tokens.size()),
                           .kv_tokens = static_cast<int32_t>(position_),
                           .pages = pages_};
    TRY_VOID(model_->forward({.tokens = tokens,
                              .positions = numbers.subspan(position_, tokens.size()),
                              .slices = {&slice, 1},
                              .logit_rows = numbers.subspan(tokens.size() - wanted, wanted)},
                             pool_, logits));
    position_ += tokens.size();
    return {};
}

base::Result<std::span<const float>> LoneSequence::append(std::span<const int32_t> tokens) {
    const size_t most = model_->options().batch_rows_max;
    for (; tokens.size() > most; tokens = tokens.subspan(most)) TRY_VOID(forward(tokens.first(most), {}));
    TRY_VOID(forward(tokens, logits_));
    return logits_;
}

base::Result<void> LoneSequence::append(std::span<const int32_t> tokens, uint32_t chunk_rows,
                                        std::span<float> logits) {
    const size_t vocab = logits_.size();
    CHECK(chunk_rows > 0 && logits.size() == tokens.size() * vocab, "{} logits for {} tokens", logits.size(),
          tokens.size());
    for (size_t at = 0; at < tokens.size(); at += chunk_rows) {
        const size_t rows = std::min<size_t>(chunk_rows, tokens.size() - at);
        TRY_VOID(forward(tokens.subspan(at, rows), logits.subspan(at * vocab, rows * vocab)));
    }
    return {};
}

}  // namespace airframe
