#include "airframe/model/run_tokens.h"

#include <algorithm>

#include "airframe/model/lone_sequence.h"

namespace airframe {

base::Result<std::vector<float>> run_tokens(Model& model, std::span<const int32_t> tokens,
                                            const RunOptions& options) {
    const ModelSpec& spec = model.spec();
    if (tokens.empty()) return base::fail(base::ErrorCode::kInvalidArgument, "no tokens were given");
    for (size_t i = 0; i < tokens.size(); ++i)
        if (tokens[i] < 0 || static_cast<uint32_t>(tokens[i]) >= spec.vocab)
            return base::fail(base::ErrorCode::kInvalidArgument,
                              "token {} (number {} of the list) is outside the vocabulary of {}", tokens[i],
                              i, spec.vocab);
    const uint32_t most = std::min(model.options().batch_rows_max, model.options().logit_rows_max);
    const uint32_t chunk = options.chunk_rows == 0 ? most : std::min(options.chunk_rows, most);
    TRY(LoneSequence sequence,
        LoneSequence::create(model, static_cast<uint32_t>(tokens.size()), options.kv_type));
    std::vector<float> logits(tokens.size() * spec.vocab);
    TRY_VOID(sequence.append(tokens, chunk, logits));
    return logits;
}

}  // namespace airframe
