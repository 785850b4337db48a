#include "airframe/model/memory_estimate.h"

#include <algorithm>

namespace airframe {
namespace {

double mib(uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

}  // namespace

MemoryEstimate estimate_memory(const ModelSpec& spec, uint64_t weights_bytes, uint64_t batch_rows,
                               uint64_t logit_rows) {
    const auto& attn = spec.attn;
    const uint64_t queries = uint64_t{attn.n_heads} * (attn.head_dim_k + attn.head_dim_v);
    const uint64_t keys = uint64_t{attn.n_kv_heads} * (attn.head_dim_k + attn.head_dim_v);
    const uint64_t row =
        3 * uint64_t{spec.dim} + queries + keys + spec.ffn.dim + 2 * uint64_t{spec.rope.dims};
    return {.weights_bytes = weights_bytes,
            .scratch_bytes = (batch_rows * row + logit_rows * spec.vocab) * sizeof(float)};
}

WorkShape work_shape(const ModelSpec& spec, uint64_t batch_rows, uint64_t kv_tokens) {
    const uint64_t heads = uint64_t{spec.attn.n_heads} * spec.attn.head_dim_v;
    const uint64_t experts = uint64_t{spec.moe.n_active} * spec.moe.expert_dim;
    return {.rows = batch_rows,
            .dim = spec.dim,
            .widest = std::max({uint64_t{spec.dim}, uint64_t{spec.ffn.dim}, heads}),
            .hidden = std::max(uint64_t{spec.ffn.dim}, experts),
            .n_active = spec.moe.n_active,
            .n_heads = spec.attn.n_heads,
            .head_dim = spec.attn.head_dim_v,
            .kv_tokens = kv_tokens};
}

base::Result<void> check_memory(const MemoryEstimate& estimate, uint64_t available_bytes) {
    if (estimate.total() <= available_bytes) return {};
    return base::fail(
        base::ErrorCode::kOutOfMemory,
        "the model needs {:.0f} MiB ({:.0f} MiB of weights, {:.0f} MiB to compute in) before any "
        "context, and {:.0f} MiB of memory are available; a smaller model or a quantised file of "
        "this one would fit",
        mib(estimate.total()), mib(estimate.weights_bytes), mib(estimate.scratch_bytes),
        mib(available_bytes));
}

}  // namespace airframe
