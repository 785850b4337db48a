// MergeTable: which pairs of tokens merge, in which order, into which token. Built once, then read by any
// thread.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

#include "airframe/gguf/metadata.h"
#include "airframe/text/vocab.h"
#include "base/result.h"

namespace airframe {

// (left token, right token) -> rank and merged token. The lower rank merges first.
class MergeTable {
  public:
    static constexpr uint32_t kNoRank = UINT32_MAX;
    struct Rule {
        TokenId left, right, merged;
    };

    // Reads tokenizer.ggml.merges. Merges that name no token are left out, with one warning.
    // Errors: kBadFile (the key is missing or no list of strings).
    static base::Result<MergeTable> load(const Metadata& metadata, const Vocab& vocab, TokenizerKind kind);

    uint32_t rank(TokenId left, TokenId right) const {
        const uint64_t slot = slots_[slot_of(left, right)];
        return slot == kEmpty ? kNoRank : static_cast<uint32_t>(slot);
    }
    const Rule& rule(uint32_t rank) const { return rules_[rank]; }
    size_t size() const { return rules_.size(); }

  private:
    static constexpr uint64_t kEmpty = UINT64_MAX;

    static uint64_t hash_of(TokenId left, TokenId right) {
        const uint64_t key =
            (static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32) | static_cast<uint32_t>(right);
        const unsigned __int128 product =
            static_cast<unsigned __int128>(key ^ 0x2545f4914f6cdd1du) * 0x9e3779b97f4a7c15u;
        return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
    }
    // Where the pair is, or the empty slot where it belongs.
    size_t slot_of(TokenId left, TokenId right) const {
        const uint64_t hash = hash_of(left, right), mask = slots_.size() - 1;
        for (size_t at = hash & mask;; at = (at + 1) & mask) {
            const uint64_t slot = slots_[at];
            if (slot == kEmpty) return at;
            if ((slot ^ hash) >> 32 != 0) continue;
            const Rule& rule = rules_[static_cast<uint32_t>(slot)];
            if (rule.left == left && rule.right == right) return at;
        }
    }
    void reserve(size_t merges);
    void prefetch(const Rule& rule) const;
    void add(const Rule& rule);

    std::vector<uint64_t> slots_;  // upper half: of the hash; lower half: rank
    std::vector<Rule> rules_;      // by rank
};

}  // namespace airframe
