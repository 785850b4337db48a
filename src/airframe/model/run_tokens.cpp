#include "airframe/model/run_tokens.h"

#include <algorithm>
#include <numeric>

namespace airframe {

base::Result<std::vector<float>> run_tokens(Model& model, std::span<const int32_t> tokens,
                                            const RunOptions& options) {
    constexpr int32_t kPageTokens = 32;
    const ModelSpec& spec = model.spec();
    if (tokens.empty()) return base::fail(base::ErrorCode::kInvalidArgument, "no tokens were given");
    for (size_t i = 0; i < tokens.size(); ++i)
        if (tokens[i] < 0 || static_cast<uint32_t>(tokens[i]) >= spec.vocab)
            return base::fail(base::ErrorCode::kInvalidArgument,
                              "token {} (number {} of the list) is outside the vocabulary of {}", tokens[i],
                              i, spec.vocab);
    const size_t most = std::min(model.options().batch_rows_max, model.options().logit_rows_max);
    const size_t chunk = options.chunk_rows == 0 ? most : std::min<size_t>(options.chunk_rows, most);
    const auto n_pages = static_cast<int32_t>((tokens.size() + kPageTokens - 1) / kPageTokens);
    TRY(KvPool pool,
        KvPool::create(spec, model.backend(),
                       {.type = options.kv_type, .page_tokens = kPageTokens, .n_pages = n_pages}));
    std::vector<int32_t> counting(std::max(tokens.size(), static_cast<size_t>(n_pages)));
    std::iota(counting.begin(), counting.end(), 0);
    const std::span numbers(counting);
    std::vector<float> logits(tokens.size() * spec.vocab);
    for (size_t at = 0; at < tokens.size(); at += chunk) {
        const size_t rows = std::min(chunk, tokens.size() - at);
        const BatchSlice slice{.first_row = 0,
                               .n_rows = static_cast<int32_t>(rows),
                               .kv_tokens = static_cast<int32_t>(at),
                               .pages = numbers.first(static_cast<size_t>(n_pages))};
        const Batch batch{.tokens = tokens.subspan(at, rows),
                          .positions = numbers.subspan(at, rows),
                          .slices = {&slice, 1},
                          .logit_rows = numbers.first(rows)};
        model.forward(batch, pool, std::span(logits).subspan(at * spec.vocab, rows * spec.vocab));
    }
    return logits;
}

}  // namespace airframe
