#include "airframe/model/embed.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <string>
#include <utility>

namespace airframe {
namespace {

using base::ErrorCode;
using base::fail;

constexpr size_t kPageTokens = 32;
// Of several short texts in one pass, which take a page each however short they are.
constexpr size_t kPassPagesMax = 32;

size_t pages_of(const EmbedText& text) { return (text.tokens.size() + kPageTokens - 1) / kPageTokens; }

// rows [n, dim] of a text, the first of which has this position
void pool_rows(std::span<const float> rows, size_t position, Pooling pooling, std::vector<double>& pooled) {
    const size_t dim = pooled.size();
    switch (pooling) {
        case Pooling::kMean:
            for (size_t i = 0; i < rows.size(); ++i) pooled[i % dim] += rows[i];
            break;
        case Pooling::kLast:
            std::ranges::copy(rows.last(dim), pooled.begin());
            break;
        case Pooling::kFirst:
        case Pooling::kRank:
            if (position == 0) std::ranges::copy(rows.first(dim), pooled.begin());
            break;
    }
}

// A vector of length 1; its direction is that of the mean as well as of the sum.
base::Result<std::vector<float>> normalised(std::span<const double> pooled) {
    const double length = std::sqrt(std::inner_product(pooled.begin(), pooled.end(), pooled.begin(), 0.0));
    if (!std::isfinite(length) || length == 0)
        return fail(ErrorCode::kNumeric, "the text's vector has the length {}", length);
    std::vector<float> out;
    out.reserve(pooled.size());
    for (const double x : pooled) out.push_back(static_cast<float>(x / length));
    return out;
}

base::Result<std::vector<float>> result_of(const Model& model, const EmbedWork& work) {
    if (work.pooling != Pooling::kRank) return normalised(work.pooled);
    const double score = model.rank(work.pooled);
    if (!std::isfinite(score)) return fail(ErrorCode::kNumeric, "the pair's score is {}", score);
    return std::vector{static_cast<float>(score)};
}

}  // namespace

base::Result<Pooling> pooling_of(std::string_view name) {
    constexpr std::pair<std::string_view, Pooling> kNames[] = {{"mean", Pooling::kMean},
                                                               {"cls", Pooling::kFirst},
                                                               {"last", Pooling::kLast},
                                                               {"rank", Pooling::kRank}};
    for (const auto& [known, pooling] : kNames)
        if (known == name) return pooling;
    return fail(ErrorCode::kInvalidArgument, "\"{}\" is no pooling; known are mean, cls, last and rank",
                name);
}

size_t embed_tokens_max(const Model& model) {
    const ModelSpec& spec = model.spec();
    return spec.encoder ? std::min(spec.ctx_train_tokens, model.options().batch_rows_max)
                        : spec.ctx_train_tokens;
}

base::Result<void> check_embed_text(const ModelSpec& spec, const EmbedText& text, size_t tokens_max) {
    if (text.tokens.empty()) return fail(ErrorCode::kInvalidArgument, "there are no tokens to embed");
    for (const int32_t token : text.tokens)
        if (token < 0 || static_cast<uint32_t>(token) >= spec.vocab)
            return fail(ErrorCode::kInvalidArgument, "token {} is outside the vocabulary of {}", token,
                        spec.vocab);
    if (text.tokens.size() > tokens_max)
        return fail(ErrorCode::kContextLength, "the text has {} tokens; {} can be embedded at once",
                    text.tokens.size(), tokens_max);
    return {};
}

base::Result<void> Embedder::pass(EmbedWork& work, uint32_t rows_max) {
    plan(work, std::min(rows_max, model_.options().batch_rows_max));
    TRY_VOID(make_room(work));
    TRY_VOID(compute(work));
    for (const Piece& piece : pieces_) TRY_VOID(take(work, piece));
    return {};
}

// Texts that are computed in parts have a pass for themselves: their keys and values stay where they are.
void Embedder::plan(const EmbedWork& work, size_t rows_max) {
    const bool whole_texts = model_.spec().encoder;
    pieces_.clear();
    size_t rows = 0, pages = 0;
    for (size_t i = work.vectors.size(); i < work.texts.size(); ++i) {
        const size_t from = pieces_.empty() ? work.computed_tokens : 0;
        const size_t left = work.texts[i].tokens.size() - from;
        const bool fits = rows + left <= rows_max && pages + pages_of(work.texts[i]) <= kPassPagesMax;
        if (!pieces_.empty() && !fits) break;
        const size_t count = whole_texts ? left : std::min(left, rows_max);
        pieces_.push_back({.text = i, .from = from, .count = count, .first_row = rows, .first_page = pages});
        if (from > 0 || count < left) break;
        rows += count;
        pages += pages_of(work.texts[i]);
    }
}

base::Result<void> Embedder::make_room(const EmbedWork& work) {
    const Piece& last = pieces_.back();
    const size_t pages = last.first_page + pages_of(work.texts[last.text]);
    if (pool_ && static_cast<size_t>(pool_->options().n_pages) >= pages) return {};
    pool_.reset();
    const KvOptions options{.page_tokens = kPageTokens, .n_pages = static_cast<int32_t>(pages)};
    const uint64_t all = pages * kPageTokens * kv_bytes_per_token(model_.spec(), options.type);
    for (const Model::KvRoom& room : model_.kv_rooms()) {
        const auto needed = static_cast<uint64_t>(static_cast<double>(all) * room.share);
        if (needed > room.available_bytes)
            return fail(ErrorCode::kOutOfMemory,
                        "a text of {} tokens needs {} bytes for keys and values; {} are left",
                        work.texts[last.text].tokens.size(), needed, room.available_bytes);
    }
    TRY(pool_, model_.make_kv_pool(options));
    return {};
}

base::Result<void> Embedder::compute(const EmbedWork& work) {
    tokens_.clear(), positions_.clear(), segments_.clear(), slices_.clear();
    const auto& options = pool_->options();
    counting_.resize(static_cast<size_t>(options.n_pages));
    std::iota(counting_.begin(), counting_.end(), 0);
    for (const Piece& piece : pieces_) {
        const EmbedText& text = work.texts[piece.text];
        slices_.push_back({.first_row = static_cast<int32_t>(piece.first_row),
                           .n_rows = static_cast<int32_t>(piece.count),
                           .kv_tokens = static_cast<int32_t>(piece.from),
                           .pages = std::span(counting_).subspan(piece.first_page, pages_of(text))});
        for (size_t i = piece.from; i < piece.from + piece.count; ++i) {
            const auto position = static_cast<int32_t>(i);
            tokens_.push_back(text.tokens[i]);
            positions_.push_back(position);
            segments_.push_back(text.second_from >= 0 && position >= text.second_from ? 1 : 0);
        }
    }
    rows_.resize(tokens_.size() * model_.spec().dim);
    return model_.hidden({.tokens = tokens_,
                          .positions = positions_,
                          .slices = slices_,
                          .logit_rows = {},
                          .segments = segments_},
                         *pool_, rows_);
}

base::Result<void> Embedder::take(EmbedWork& work, const Piece& piece) {
    const size_t dim = model_.spec().dim;
    if (piece.from == 0) work.pooled.assign(dim, 0);
    pool_rows(std::span(rows_).subspan(piece.first_row * dim, piece.count * dim), piece.from, work.pooling,
              work.pooled);
    work.computed_tokens = piece.from + piece.count;
    if (work.computed_tokens < work.texts[piece.text].tokens.size()) return {};
    TRY(auto result, result_of(model_, work));
    work.vectors.push_back(std::move(result));
    work.computed_tokens = 0;
    return {};
}

base::Result<std::vector<float>> embed_tokens(Model& model, std::span<const int32_t> tokens,
                                              std::optional<Pooling> pooling) {
    const EmbedText text{.tokens = {tokens.begin(), tokens.end()}};
    TRY_VOID(check_embed_text(model.spec(), text, embed_tokens_max(model)));
    EmbedWork work{.texts = {text}, .pooling = pooling.value_or(model.spec().pooling)};
    if (work.pooling == Pooling::kRank)
        return fail(ErrorCode::kInvalidArgument,
                    "this model ranks pairs of texts; for vectors choose another pooling (cls)");
    Embedder embedder(model);
    while (!work.done()) TRY_VOID(embedder.pass(work, model.options().batch_rows_max));
    return std::move(work.vectors.front());
}

}  // namespace airframe
