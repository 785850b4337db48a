// GrammarBuilder: a grammar put together from others and from fixed texts: marks around an answer, calls of
// tools. Places are nodes of bytes; what stands between them are texts and whole grammars.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "airframe/text/grammar.h"

namespace airframe {

class GrammarBuilder {
  public:
    using Place = uint32_t;

    Place place();
    void accept(Place place) { grammar_->bytes[place].accepts = true; }
    // The place behind `text` (any bytes), which begins at `from`; `from` itself where it is empty.
    Place text(Place from, std::string_view text);
    void text(Place from, std::string_view text, Place to);  // REQUIRES: not empty
    // A text of `rule`, then on from `to`. REQUIRES: where the rule is the builder's own, its places accept.
    void use(Place from, const NodeKey& rule, Place to);
    static NodeKey rule(Place place) { return {NodeKey::Kind::kByte, place, 0, 0}; }
    // Any bytes up to the first occurrence of `mark`, which leads to `to`; the text may end before it when
    // `may_end`. Control tokens (token_trie.h) do not come before it. REQUIRES: mark not empty.
    void until(Place from, std::string_view mark, Place to, bool may_end = false);
    // Takes the rules of `other` in; its texts are those of the rule returned.
    NodeKey add(const Grammar& other);
    // The same rules once more, as Python writes true, false and null; only objects when `only_objects`.
    struct Variant {
        bool only_objects = false;
        bool python = false;
    };
    NodeKey add(const Grammar& other, const Variant& variant);
    // Of texts of `dfa`.
    NodeKey add(Dfa dfa);

    GrammarPtr finish(Place start);  // the builder is empty then

  private:
    std::shared_ptr<Grammar> grammar_ = std::make_shared<Grammar>();
};

}  // namespace airframe
