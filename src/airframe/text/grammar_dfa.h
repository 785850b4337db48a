// Dfa: a deterministic automaton over Unicode characters; what patterns, bounds, formats and constants
// become. Sets of texts are combined exactly: and, or, minus. A missing edge is a refusal.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "airframe/text/grammar_budget.h"
#include "base/result.h"

namespace airframe {

struct CharRange {
    char32_t lo, hi;  // both included
    friend bool operator==(const CharRange&, const CharRange&) = default;
};

struct Dfa {
    static constexpr uint32_t kNone = UINT32_MAX;
    struct Edge {
        char32_t lo, hi;
        uint32_t target;
        friend bool operator==(const Edge&, const Edge&) = default;
    };
    struct State {
        std::vector<Edge> edges;  // ascending, disjoint
        bool accepts = false;
        friend bool operator==(const State&, const State&) = default;
    };
    std::vector<State> states;  // the first is the start; none: no text

    bool empty() const { return states.empty(); }
    uint32_t next(uint32_t state, char32_t c) const;
    bool accepts(std::string_view text) const;
    friend bool operator==(const Dfa&, const Dfa&) = default;
};

enum class DfaOp : uint8_t { kAnd, kOr, kMinus };

// All results are trimmed: every state is reachable and leads to an accepted text.
base::Result<Dfa> combine(const Dfa& a, const Dfa& b, DfaOp op, Budget& budget);
// The same texts with fewer states, where that is quickly found.
base::Result<Dfa> simplified(Dfa dfa, Budget& budget);

Dfa any_text();  // every text of Unicode characters
base::Result<Dfa> words(std::span<const std::string> list, Budget& budget);  // exactly these
// Texts of `min` to `max` characters; max UINT32_MAX: no bound.
base::Result<Dfa> text_of_length(uint32_t min, uint32_t max, Budget& budget);

// By state: the fewest characters to an accepted text.
std::vector<uint32_t> shortest_ends(const Dfa& dfa);
// The most characters of an accepted text, UINT32_MAX where there is no bound.
uint32_t longest_text(const Dfa& dfa);
// All texts, where they are at most `max`; else nothing.
std::vector<std::string> texts_if_few(const Dfa& dfa, size_t max);

// Adjacent edges to one target become one. REQUIRES: sorted, disjoint.
void append_edge(std::vector<Dfa::Edge>& edges, const Dfa::Edge& edge);

}  // namespace airframe
