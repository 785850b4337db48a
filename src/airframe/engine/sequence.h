// Sequence: the tokens of one request and where their keys and values lie. Plain data, changed by the
// scheduler only. Engine thread; built by the thread that submits.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "airframe/text/tokenizer.h"

namespace airframe {

// Hash of a full page and of everything before it: pages with equal tokens behind equal beginnings hash
// alike. Only a hint where to look; the page pool compares the tokens themselves.
inline uint64_t chain_hash(uint64_t previous, std::span<const TokenId> page) {
    uint64_t hash = previous ^ 0x9e3779b97f4a7c15u;
    for (const TokenId token : page) {
        hash = (hash ^ static_cast<uint32_t>(token)) * 0xff51afd7ed558ccdu;
        hash ^= hash >> 32;
    }
    return hash;
}

// Guesses checked at once: with the token before them they are few enough for every kernel to compute each
// row as it would alone.
inline constexpr size_t kDraftTokensMax = 5;

// What the chain of hashes begins with (FNV-1a). As little a proof as the other hashes.
inline uint64_t salt_hash(std::string_view salt) {
    if (salt.empty()) return 0;
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char c : salt) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    return hash;
}

enum class SequenceState : uint8_t { kNew, kWaiting, kRunning, kDone };

// Invariants: computed_tokens < tokens.size() between steps; only a running sequence has pages, enough for
// computed_tokens; pages 0 … computed_tokens / page_tokens - 1 are published in the pool.
struct Sequence {
    uint64_t id = 0;                         // ascends with arrival: the smaller, the older
    std::vector<TokenId> tokens;             // prompt, then what was generated
    std::string salt;                        // prefixes are shared only with sequences of the same
    int32_t cache_root = -1;                 // of the salt, in the page pool
    std::vector<uint64_t> page_hashes;       // chain_hash of each full page of tokens
    std::vector<int32_t> pages;              // page table
    int32_t computed_tokens = 0;             // whose keys and values lie in pages
    int32_t cached_tokens = 0;               // of the prompt, found in the prefix cache when first admitted
    int32_t scheduled_rows = 0;              // of the step being made
    std::vector<TokenId> draft;              // guesses at the next tokens, to be computed with the last one
    int32_t logits_from = 0, logits_to = 0;  // positions whose logits are wanted beside the last one's
    SequenceState state = SequenceState::kNew;
    bool admitted = false;  // at least once: a preempted sequence waits again
    bool stalled = false;   // its reader is behind: not to be scheduled

    int32_t size() const { return static_cast<int32_t>(tokens.size()); }
    int32_t remaining() const { return size() - computed_tokens; }
    bool wants_more_logits() const { return logits_from < logits_to; }
};

inline void append_token(Sequence& sequence, TokenId token, int32_t page_tokens) {
    sequence.tokens.push_back(token);
    if (sequence.size() % page_tokens != 0) return;
    const uint64_t previous =
        sequence.page_hashes.empty() ? salt_hash(sequence.salt) : sequence.page_hashes.back();
    const auto page = std::span(sequence.tokens).last(static_cast<size_t>(page_tokens));
    sequence.page_hashes.push_back(chain_hash(previous, page));
}

// Memory for `tokens_max` tokens is taken at once, so that generating allocates nothing.
inline Sequence make_sequence(std::span<const TokenId> prompt, int32_t tokens_max, int32_t page_tokens,
                              std::string salt = {}) {
    Sequence sequence;
    sequence.salt = std::move(salt);
    const auto pages_max = static_cast<size_t>(tokens_max / page_tokens) + 1;
    sequence.tokens.reserve(static_cast<size_t>(tokens_max));
    sequence.page_hashes.reserve(pages_max);
    sequence.pages.reserve(pages_max);
    sequence.draft.reserve(kDraftTokensMax);
    for (const TokenId token : prompt) append_token(sequence, token, page_tokens);
    return sequence;
}

}  // namespace airframe
