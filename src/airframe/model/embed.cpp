#include "airframe/model/embed.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace airframe {
namespace {

using base::ErrorCode;
using base::fail;

base::Result<void> check_tokens(const Model& model, std::span<const int32_t> tokens) {
    const ModelSpec& spec = model.spec();
    if (tokens.empty()) return fail(ErrorCode::kInvalidArgument, "there are no tokens to embed");
    for (const int32_t token : tokens)
        if (token < 0 || static_cast<uint32_t>(token) >= spec.vocab)
            return fail(ErrorCode::kInvalidArgument, "token {} is outside the vocabulary of {}", token,
                        spec.vocab);
    const size_t most = spec.encoder ? std::min(spec.ctx_train_tokens, model.options().batch_rows_max)
                                     : spec.ctx_train_tokens;
    if (tokens.size() > most)
        return fail(ErrorCode::kContextLength, "the text has {} tokens; {} can be embedded at once",
                    tokens.size(), most);
    return {};
}

// rows [n, dim] -> [dim]
std::vector<double> pool_rows(std::span<const float> rows, size_t dim, Pooling pooling) {
    const size_t n = rows.size() / dim;
    if (pooling != Pooling::kMean) {
        const auto row = rows.subspan(pooling == Pooling::kFirst ? 0 : (n - 1) * dim, dim);
        return {row.begin(), row.end()};
    }
    std::vector<double> sums(dim);
    for (size_t i = 0; i < rows.size(); ++i) sums[i % dim] += rows[i];
    for (double& sum : sums) sum /= static_cast<double>(n);
    return sums;
}

}  // namespace

base::Result<Pooling> pooling_of(std::string_view name) {
    if (name == "mean") return Pooling::kMean;
    if (name == "cls") return Pooling::kFirst;
    if (name == "last") return Pooling::kLast;
    return fail(ErrorCode::kInvalidArgument, "\"{}\" is no pooling; known are mean, cls and last", name);
}

base::Result<std::vector<float>> embed_tokens(Model& model, std::span<const int32_t> tokens,
                                              std::optional<Pooling> pooling) {
    TRY_VOID(check_tokens(model, tokens));
    constexpr int32_t kPageTokens = 32;
    const size_t dim = model.spec().dim, chunk = model.options().batch_rows_max;
    const auto n_pages = static_cast<int32_t>((tokens.size() + kPageTokens - 1) / kPageTokens);
    TRY(KvPool pool,
        KvPool::create(model.spec(), model.backend(), {.page_tokens = kPageTokens, .n_pages = n_pages}));
    std::vector<int32_t> counting(std::max(tokens.size(), static_cast<size_t>(n_pages)));
    std::iota(counting.begin(), counting.end(), 0);
    const std::span numbers(counting);
    std::vector<float> rows(tokens.size() * dim);
    for (size_t at = 0; at < tokens.size(); at += chunk) {
        const size_t count = std::min(chunk, tokens.size() - at);
        const BatchSlice slice{.first_row = 0,
                               .n_rows = static_cast<int32_t>(count),
                               .kv_tokens = static_cast<int32_t>(at),
                               .pages = numbers.first(static_cast<size_t>(n_pages))};
        model.hidden({.tokens = tokens.subspan(at, count),
                      .positions = numbers.subspan(at, count),
                      .slices = {&slice, 1},
                      .logit_rows = {}},
                     pool, std::span(rows).subspan(at * dim, count * dim));
    }
    const std::vector<double> pooled = pool_rows(rows, dim, pooling.value_or(model.spec().pooling));
    const double length = std::sqrt(std::inner_product(pooled.begin(), pooled.end(), pooled.begin(), 0.0));
    if (!std::isfinite(length) || length == 0)
        return fail(ErrorCode::kNumeric, "the text's vector has the length {}", length);
    std::vector<float> out(dim);
    std::ranges::transform(pooled, out.begin(), [&](double x) { return static_cast<float>(x / length); });
    return out;
}

}  // namespace airframe
