// Byte-pair merging by rank, whatever the symbols are: the core of ByteBpe and PieceBpe.
// Method: Sennrich, Haddow, Birch (2016). A MergeTable is built once, then read by any thread.
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
    void add(const Rule& rule);

    std::vector<uint64_t> slots_;  // upper half: of the hash; lower half: rank
    std::vector<Rule> rules_;      // by rank
};

// Merges the symbols of one piece in place until nothing more merges. Negative symbols never merge.
// O(n log n); scratch memory is kept between calls. One thread.
class BpeMerger {
  public:
    explicit BpeMerger(const MergeTable& table) : table_(table) {}
    void merge(std::vector<TokenId>& symbols);

  private:
    void merge_short(std::vector<TokenId>& symbols);
    void merge_long(std::vector<TokenId>& symbols);
    void push_pair(const std::vector<TokenId>& symbols, uint32_t at);

    const MergeTable& table_;
    std::vector<uint32_t> ranks_;        // merge_short: of each neighbouring pair
    std::vector<uint32_t> next_, prev_;  // merge_long: a linked list over the symbols
    std::vector<uint64_t> heap_;         // merge_long: (rank, place), the least on top
};

}  // namespace airframe
