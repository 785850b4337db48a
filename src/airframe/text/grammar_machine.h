// GrammarMachine: walks a Grammar byte by byte. States and nodes come into being when they are first reached
// and are kept, so that what has been walked once is a table look-up afterwards.
//
// A state is the set of all stacks of rules that the text so far may have left open, as a trie of its tops:
// stacks with the same top share their entry, and every set of entries exists once. So ambiguous grammars
// cost no more than their nodes, and equal states have equal numbers. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "airframe/text/grammar.h"
#include "airframe/text/grammar_nodes.h"

namespace airframe {

using GrammarState = uint32_t;

class GrammarMachine {
  public:
    static constexpr GrammarState kDead = 0;  // no text begins so

    explicit GrammarMachine(GrammarPtr grammar, GrammarOptions options = {});

    GrammarState start() const { return start_; }
    GrammarState step(GrammarState state, uint8_t byte) {
        const Set& set = sets_[state];
        if (set.row >= 0) {
            const uint32_t next = rows_[static_cast<size_t>(set.row)][byte];
            if (next != kUnknownStep) return next;
        }
        return slow_step(state, byte);
    }
    GrammarState walk(GrammarState state, std::string_view text);
    // The text so far is a whole text of the grammar.
    bool complete(GrammarState state) const { return has(state, kEndNode); }
    bool accepts(std::string_view text) { return complete(walk(start_, text)); }

    // Too many states to keep: from here on every step leads to kDead.
    bool exhausted() const { return exhausted_; }
    size_t memory_bytes() const {
        return entries_.size() * sizeof(Top) + sets_.size() * 2 * sizeof(Set) +
               rows_.size() * sizeof(rows_[0]) + nodes_.size() * 200 + united_.size() * 40;
    }

    // For masks: the state of `node` alone, with an unknown rest below, and what follows where that rest
    // begins.
    struct Top {
        uint32_t node, below;
    };
    std::span<const Top> tops(GrammarState state) const;
    static bool is_marker(uint32_t node) { return node <= kUnknownNode; }
    GrammarState alone(uint32_t node);
    GrammarState after_pop(uint32_t below);
    bool leaves(GrammarState state) const { return has(state, kUnknownNode); }
    // The state is one place inside a string of JSON, between characters.
    struct InString {
        NodeTable::StringPlace place;
        uint32_t below;
    };
    std::optional<InString> inside_string(GrammarState state);
    std::optional<NodeTable::StringPlace> string_place(uint32_t node) { return nodes_.string_place(node); }
    // NodeTable::string_rest of the state's only top.
    uint32_t string_rest(GrammarState state) const { return nodes_.string_rest(tops(state)[0].node); }

  private:
    static constexpr uint32_t kEndNode = 0, kUnknownNode = 1;
    static constexpr uint32_t kUnknownStep = UINT32_MAX;
    static constexpr size_t kMemoryMax = 128u << 20;
    static constexpr size_t kWorkMax = 1u << 17;  // of one step

    struct Set {
        uint32_t begin, size;
        int32_t row = -1;     // into rows_: by byte
        uint8_t n_known = 0;  // of `known`, before there is a row
        uint8_t known_bytes[6] = {};
        uint32_t known[6] = {};
        uint32_t after_pop = UINT32_MAX;
    };

    bool has(GrammarState state, uint32_t node) const;
    uint32_t intern(std::vector<Top>& entries);
    uint32_t unite(uint32_t a, uint32_t b);
    void join(std::vector<Top>& entries, Top entry);
    GrammarState close(std::vector<Top>& work);
    GrammarState slow_step(GrammarState state, uint8_t byte);
    GrammarState compute(GrammarState state, uint8_t byte);
    void remember(GrammarState state, uint8_t byte, GrammarState next);

    NodeTable nodes_;
    std::vector<Top> entries_;
    std::vector<Set> sets_;
    std::unordered_multimap<uint64_t, uint32_t> by_hash_;
    std::vector<std::array<uint32_t, 256>> rows_;
    std::unordered_map<uint32_t, uint32_t> alone_;
    std::unordered_map<uint64_t, uint32_t> united_;  // pairs of sets
    GrammarState start_ = kDead;
    bool exhausted_ = false;
};

}  // namespace airframe
