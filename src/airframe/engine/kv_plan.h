// How much KV cache an engine takes: from what was asked for, what the model can use and what memory there
// is.
#pragma once

#include <cstdint>
#include <span>

#include "airframe/engine/engine.h"
#include "base/result.h"

namespace airframe {

struct KvPlan {
    uint32_t ctx_tokens;
    int32_t n_pages;
};

struct KvNeeds {
    uint32_t ctx_train_tokens;
    uint64_t bytes_per_token;
    uint64_t available_bytes;  // for the KV cache alone
    int32_t page_tokens;
};

// Rules: what is asked for is taken or refused. By default the context is the model's own, less where memory
// is short. The cache by default keeps four contexts of a model with a short one, so that several requests
// run and prefixes stay, but no more than kv_tokens_default and never less than one context. Errors:
// kOutOfMemory with both numbers; kInvalidArgument when kv_tokens is less than the context.
base::Result<KvPlan> plan_kv(const EngineOptions& options, const KvNeeds& needs);

// Memory for the cache and for what else needs room there.
struct MemoryRoom {
    uint64_t available_bytes;
    uint64_t weights_bytes;  // that are not yet taken from it, or that the system may give up and read again
    double share = 1;        // of the model's keys and values
};

// The same for a model on a machine as it is now: before loading, what Engine::create will take. The room
// with least space for its share decides. `draft`: a second model whose keys and values are kept for as many
// tokens, in any of the rooms; null: none. REQUIRES: a room.
base::Result<KvPlan> plan_context(const ModelSpec& spec, std::span<const MemoryRoom> rooms,
                                  const EngineOptions& options, const ModelSpec* draft = nullptr);

// Tokens of a page: prefixes are shared in units of this, and a sequence wastes half of it on average.
inline constexpr int32_t kPageTokens = 32;

}  // namespace airframe
