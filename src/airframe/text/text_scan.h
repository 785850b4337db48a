// TextScan: free text in which marks are looked for, as a part of a grammar. Where the text so far ends with
// a pattern, the grammar goes on elsewhere, or not at all; everything else is allowed. The patterns are a
// small nondeterministic automaton over bytes; finish() makes it a deterministic one, so that "text in which
// this does not stand" is exact.
//
//   TextScan scan(builder, {.may_end = true});
//   scan.found(scan.text(TextScan::kAnywhere, "<tool_call>"), call);
//   const auto start = scan.place({});
//   scan.finish();
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "airframe/text/grammar_builder.h"

namespace airframe {

class TextScan {
  public:
    using State = uint32_t;
    using Place = GrammarBuilder::Place;
    // Patterns that begin here are found at any place of the text. Text itself never holds the byte 0xFF,
    // with which control tokens begin (token_trie.h): a pattern that means one spells it.
    static constexpr State kAnywhere = 0;
    static constexpr uint8_t kLastByte = 0xFE;  // of text

    struct Options {
        bool may_end = false;  // the grammar's text may end within the free text
    };
    TextScan(GrammarBuilder& builder, Options options);

    State state();
    // The state behind `text`, which begins at `from`; `from` itself where it is empty.
    State text(State from, std::string_view text);
    void text(State from, std::string_view text, State to);  // REQUIRES: not empty
    void edge(State from, uint8_t lo, uint8_t hi, State to);
    // Any of `bytes`, any number of times.
    void loop(State at, std::string_view bytes);
    // A pattern ends here: the grammar goes on from `to`, and the text does not.
    void found(State at, Place to) { states_[at].found.push_back(to); }
    // … and neither does the grammar, unless another pattern ends here too.
    void refuse(State at) { states_[at].refused = true; }

    // Where free text begins; patterns from `starts` are looked for at its first byte only.
    Place place(std::vector<State> starts);
    // Gives every place its edges. Once, when all patterns are there.
    void finish();

  private:
    struct Edge {
        uint8_t lo, hi;
        State to;
    };
    struct Pattern {
        std::vector<Edge> edges;
        std::vector<Place> found;
        bool refused = false;
    };
    using Set = std::vector<State>;  // ascending

    Place place_of(Set set);
    void expand(const Set& set, Place from);
    void lead(Place from, uint8_t lo, uint8_t hi, Set to);

    GrammarBuilder& builder_;
    const Options options_;
    std::vector<Pattern> states_;
    std::map<Set, Place> places_;
    std::vector<std::map<Set, Place>::const_iterator> waiting_;
};

}  // namespace airframe
