#include "airframe/model/kv_pool.h"

#include <algorithm>
#include <utility>

namespace airframe {
namespace {

constexpr std::pair<KvType, std::string_view> kNames[] = {
    {KvType::kF32, "f32"}, {KvType::kF16, "f16"}, {KvType::kQ8, "q8"}, {KvType::kInt4, "int4"}};

}  // namespace

std::string_view kv_type_name(KvType type) {
    return std::ranges::find(kNames, type, &std::pair<KvType, std::string_view>::first)->second;
}

std::optional<KvType> kv_type_of(std::string_view name) {
    for (const auto& [type, known] : kNames)
        if (known == name) return type;
    return std::nullopt;
}

uint64_t kv_bytes_per_token(const ModelSpec& spec, KvType type) {
    const auto vector = [type](uint32_t dim) { return static_cast<uint64_t>(kv_vector_bytes(type, dim)); };
    return uint64_t{spec.n_layers} * spec.attn.n_kv_heads *
           (vector(spec.attn.head_dim_k) + vector(spec.attn.head_dim_v));
}

base::Result<KvPool> KvPool::create(const ModelSpec& spec, std::span<Backend* const> backends,
                                    const KvOptions& options) {
    KvPool pool;
    pool.backends_.assign(backends.begin(), backends.end());
    pool.options_ = options;
    const uint64_t tokens =
        static_cast<uint64_t>(options.n_pages) * static_cast<uint64_t>(options.page_tokens);
    pool.bytes_ = tokens * kv_bytes_per_token(spec, options.type);
    const auto room = [&](Backend& backend, uint32_t head_dim) -> base::Result<Buffer*> {
        TRY(auto buffer, backend.allocate(tokens * spec.attn.n_kv_heads *
                                          static_cast<uint64_t>(kv_vector_bytes(options.type, head_dim))));
        return pool.buffers_.emplace_back(std::move(buffer)).get();
    };
    for (uint32_t i = 0; i < spec.n_layers; ++i) {
        TRY(Buffer* const keys, room(*backends[i], spec.attn.head_dim_k));
        TRY(Buffer* const values, room(*backends[i], spec.attn.head_dim_v));
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
