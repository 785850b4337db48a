#include "airframe/model/kv_pool.h"

namespace airframe {
namespace {

uint64_t element_bytes(KvType type) { return type == KvType::kF32 ? 4 : 2; }

}  // namespace

uint64_t kv_bytes_per_token(const ModelSpec& spec, KvType type) {
    return spec.kv_elements_per_token() * element_bytes(type);
}

base::Result<KvPool> KvPool::create(const ModelSpec& spec, Backend& backend, const KvOptions& options) {
    KvPool pool;
    pool.options_ = options;
    const uint64_t tokens =
        static_cast<uint64_t>(options.n_pages) * static_cast<uint64_t>(options.page_tokens);
    pool.bytes_ = tokens * kv_bytes_per_token(spec, options.type);
    const auto room = [&](uint32_t head_dim) -> base::Result<Buffer*> {
        TRY(auto buffer,
            backend.allocate(tokens * spec.attn.n_kv_heads * head_dim * element_bytes(options.type)));
        return pool.buffers_.emplace_back(std::move(buffer)).get();
    };
    for (uint32_t i = 0; i < spec.n_layers; ++i) {
        TRY(Buffer* const keys, room(spec.attn.head_dim_k));
        TRY(Buffer* const values, room(spec.attn.head_dim_v));
        pool.layers_.push_back({.keys = keys,
                                .values = values,
                                .type = options.type,
                                .n_kv_heads = static_cast<int32_t>(spec.attn.n_kv_heads),
                                .head_dim_k = static_cast<int32_t>(spec.attn.head_dim_k),
                                .head_dim_v = static_cast<int32_t>(spec.attn.head_dim_v),
                                .page_tokens = options.page_tokens});
    }
    return pool;
}

}  // namespace airframe
