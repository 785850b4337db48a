// TokenMasks: which tokens of a vocabulary may come next in a state of a grammar, as one bit each.
//
//   TokenMasks masks(grammar, TokenTrie::create(tokenizer));
//   GrammarState state = masks.start();
//   … choose a token of masks.mask(state) …; state = masks.advance(state, token);
// The trie of the vocabulary is walked once for each top of a state's stacks, with an unknown rest below, and
// what it allows is kept; only tokens that leave the top's rule are walked again for the rest at hand. Inside
// strings of JSON, whose lengths make many states, tokens are looked up by the characters they bring. Whole
// masks are kept by state. One thread at a time, but for memory_bytes() and exhausted().
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "airframe/text/grammar_machine.h"
#include "airframe/text/token_trie.h"
#include "base/result.h"

namespace airframe {

class TokenMasks {
  public:
    using Mask = std::span<const uint64_t>;  // bit id % 64 of word id / 64: the token may come

    TokenMasks(GrammarPtr grammar, std::shared_ptr<const TokenTrie> trie, GrammarOptions options = {});

    GrammarState start() const { return machine_.start(); }
    GrammarState advance_text(GrammarState state, std::string_view text) {
        return machine_.walk(state, text);
    }
    // The state after the token, GrammarMachine::kDead when it may not come. End tokens are not for this.
    GrammarState advance(GrammarState state, TokenId token);
    bool complete(GrammarState state) const { return machine_.complete(state); }
    // End tokens are allowed exactly when the text is complete. Valid until the next call. Errors:
    // kInvalidArgument when no token of the vocabulary can go on, or the grammar has too many readings.
    base::Result<Mask> mask(GrammarState state);
    // As of the last new mask.
    size_t memory_bytes() const { return memory_bytes_.load(std::memory_order_relaxed); }
    // Nothing more can be learned: new states are errors. A fresh one may go on.
    bool exhausted() const { return exhausted_.load(std::memory_order_relaxed); }

  private:
    static constexpr size_t kMaskBytesMax = 8u << 20;   // of whole masks
    static constexpr size_t kTopBytesMax = 24u << 20;   // of masks by top
    static constexpr size_t kListBytesMax = 16u << 20;  // of StringTokens
    // Fewer nodes of the trie than this are walked one by one, inside a string too.
    static constexpr uint32_t kSubtreeWorthIt = 8;

    struct TopMask {
        std::vector<uint64_t> words;
        std::vector<uint32_t> leaving;  // trie nodes at which the top's rule may have ended
    };
    struct TopKey {
        uint32_t node, room, lack;
        friend bool operator==(const TopKey&, const TopKey&) = default;
    };
    struct TopHash {
        size_t operator()(const TopKey& key) const {
            return (((key.node * 0x9e3779b97f4a7c15u) ^ key.room) * 0xff51afd7ed558ccdu) ^ key.lack;
        }
    };
    // Counts the characters of a string's inside, byte by byte.
    struct Characters {
        uint16_t count = 0, unit = 0;
        uint8_t phase = 0;
        Characters after(uint8_t byte) const {
            if (phase != 0 || byte == '\\') return after_escape(byte);
            return {static_cast<uint16_t>(count + ((byte & 0xC0) != 0x80 ? 1 : 0)), unit, 0};
        }
        Characters after_escape(uint8_t byte) const;
    };

    const TopMask& top_mask(uint32_t node);
    void string_mask(const NodeTable::StringPlace& place, TopMask& out);
    const StringTokens& string_tokens(const NodeTable::StringPlace& place);
    StringTokens list_string(uint32_t twin);
    void compute(GrammarState state, std::vector<uint64_t>& words);
    void walk(GrammarState state, uint32_t root, TopMask& out);
    void walk_string(const NodeTable::StringPlace& place, uint32_t below, uint32_t root, TopMask& out);
    template <class Inside, class Exit>
    void for_string(uint32_t twin, uint32_t root, Inside inside, Exit exit);
    void take(uint32_t trie_node, TopMask& out) const;
    uint32_t need_after(GrammarState state);

    GrammarMachine machine_;
    std::shared_ptr<const TokenTrie> trie_;
    std::unordered_map<TopKey, TopMask, TopHash> tops_;
    size_t top_bytes_ = 0;
    std::unordered_map<uint32_t, StringTokens> strings_;  // by twin
    size_t string_bytes_ = 0;
    std::unordered_map<GrammarState, uint32_t> by_state_;  // to masks_
    std::vector<std::vector<uint64_t>> masks_;
    std::vector<GrammarState> mask_states_;
    size_t next_mask_ = 0;
    std::vector<GrammarState> path_;  // by depth in the trie
    std::vector<Characters> chars_;   // likewise
    GrammarState need_state_ = GrammarMachine::kDead;
    uint32_t need_ = 0;
    std::atomic<size_t> memory_bytes_{0};
    std::atomic<bool> exhausted_{false};
};

}  // namespace airframe
