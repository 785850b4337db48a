#include "airframe/engine/kv_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "airframe/engine/request_check.h"
#include "base/check.h"

namespace airframe {
namespace {

constexpr uint64_t kDefaultContexts = 4, kDefaultTokensMax = 16384;
// Less is of no use to anyone: rather say so than load.
constexpr uint64_t kLeastDefaultCtx = 512;
constexpr uint64_t kTokensMax = uint64_t{1} << 30;  // positions and page numbers are 32-bit

uint64_t round_up(uint64_t value, uint64_t to) { return (value + to - 1) / to * to; }

std::unexpected<base::Error> too_big(uint64_t tokens, const KvNeeds& needs) {
    constexpr uint64_t kMiB = 1 << 20;
    return base::fail(
        base::ErrorCode::kOutOfMemory,
        "A context of {} tokens needs {} MiB for keys and values; {} MiB are left beside the weights. "
        "Ask for a smaller context or a smaller KV type.",
        grouped(tokens), grouped(tokens * needs.bytes_per_token / kMiB + 1),
        grouped(needs.available_bytes / kMiB));
}

// What the KV cache may take: the weights need their room, whether they lie in memory now or not, and so does
// the rest of the machine.
uint64_t kv_memory_bytes(const MemoryRoom& room) {
    constexpr uint64_t kHeadroomLeast = uint64_t{256} << 20;
    const uint64_t available = room.available_bytes;
    const uint64_t taken = room.weights_bytes + std::max(kHeadroomLeast, available / 10);
    return available > taken ? available - taken : 0;
}

// The context taken where none is asked for: the trained one, stretched where positions are to be.
uint32_t own_context(const ModelSpec& spec, float rope_scale) {
    const double stretched = spec.ctx_train_tokens * std::max(1.0, double{rope_scale});
    return static_cast<uint32_t>(std::min(stretched, double{std::numeric_limits<int32_t>::max()}));
}

}  // namespace

base::Result<KvPlan> plan_context(const ModelSpec& spec, std::span<const MemoryRoom> rooms,
                                  const EngineOptions& options, const ModelSpec* draft) {
    const uint64_t of_draft = draft == nullptr ? 0 : kv_bytes_per_token(*draft, options.kv_type);
    const auto of_model = static_cast<double>(kv_bytes_per_token(spec, options.kv_type));
    const auto needs_of = [&](const MemoryRoom& room) {
        return KvNeeds{.ctx_train_tokens = own_context(spec, options.rope_scale),
                       .bytes_per_token = static_cast<uint64_t>(std::ceil(of_model * room.share)) + of_draft,
                       .available_bytes = kv_memory_bytes(room),
                       .page_tokens = kPageTokens};
    };
    const auto tokens_in = [&](const MemoryRoom& room) {
        const KvNeeds needs = needs_of(room);
        return needs.available_bytes / std::max<uint64_t>(needs.bytes_per_token, 1);
    };
    CHECK(!rooms.empty(), "no room");
    return plan_kv(options, needs_of(*std::ranges::min_element(rooms, {}, tokens_in)));
}

base::Result<KvPlan> plan_kv(const EngineOptions& options, const KvNeeds& needs) {
    const auto page_tokens = static_cast<uint64_t>(needs.page_tokens);
    const uint64_t affordable =
        std::min(needs.available_bytes / std::max<uint64_t>(needs.bytes_per_token, 1), kTokensMax);
    const uint64_t pages_affordable = affordable / page_tokens * page_tokens;

    uint64_t ctx = options.ctx_tokens;
    if (ctx == 0) {
        const uint64_t least = std::min<uint64_t>(kLeastDefaultCtx, needs.ctx_train_tokens);
        if (pages_affordable < least) return too_big(least, needs);
        ctx = std::min<uint64_t>(needs.ctx_train_tokens, pages_affordable);
    }
    uint64_t kv_tokens = options.kv_tokens;
    if (kv_tokens == 0)
        kv_tokens = std::max(ctx, std::min({kDefaultContexts * ctx, kDefaultTokensMax, affordable / 2}));
    if (kv_tokens < ctx) {
        auto error =
            base::fail(base::ErrorCode::kInvalidArgument,
                       "The KV cache is to hold {} tokens, but one context alone is {}. Ask for at least as "
                       "many, or for a smaller context.",
                       grouped(kv_tokens), grouped(ctx));
        error.error().param = "kv_tokens";
        return error;
    }
    const uint64_t rounded = round_up(kv_tokens, page_tokens);
    if (rounded > kTokensMax || rounded * needs.bytes_per_token > needs.available_bytes)
        return too_big(kv_tokens, needs);
    return KvPlan{.ctx_tokens = static_cast<uint32_t>(ctx),
                  .n_pages = static_cast<int32_t>(rounded / page_tokens)};
}

}  // namespace airframe
