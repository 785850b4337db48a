// KvPool: the memory of all keys and values, cut into pages of a fixed number of tokens. Which page belongs
// to whom is the engine's business; the pool only owns the bytes. One thread (the engine's).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "airframe/backend/backend.h"
#include "airframe/model/spec.h"
#include "base/result.h"

namespace airframe {

struct KvOptions {
    KvType type = KvType::kF16;
    int32_t page_tokens = 32;
    int32_t n_pages = 0;
};

class KvPool {
  public:
    // `backends`: of each layer; they outlive the pool. Errors: kOutOfMemory with the bytes asked for.
    static base::Result<KvPool> create(const ModelSpec& spec, std::span<Backend* const> backends,
                                       const KvOptions& options);

    const KvLayer& layer(uint32_t index) const { return layers_[index]; }
    // Where the layer's memory is.
    Backend& backend(uint32_t index) const { return *backends_[index]; }
    const KvOptions& options() const { return options_; }
    uint64_t bytes() const { return bytes_; }
    // Frees the pages for good.
    void release_memory() {
        layers_.clear();
        buffers_.clear();
    }

  private:
    KvOptions options_;
    std::vector<Backend*> backends_;
    std::vector<std::unique_ptr<Buffer>> buffers_;
    std::vector<KvLayer> layers_;
    uint64_t bytes_ = 0;
};

// "f32", "f16", "q8", "int4"; the other way: nothing when no type has that name.
std::string_view kv_type_name(KvType type);
std::optional<KvType> kv_type_of(std::string_view name);

// Bytes that one token takes in all layers: layers * kv heads * (a key's bytes + a value's bytes).
uint64_t kv_bytes_per_token(const ModelSpec& spec, KvType type);

}  // namespace airframe
