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
    void join(Place from, Place to);  // nothing stands between them
    static NodeKey rule(Place place) { return {NodeKey::Kind::kByte, place, 0, 0}; }
    // One byte of `lo` to `hi`.
    void bytes(Place from, uint8_t lo, uint8_t hi, Place to) {
        grammar_->bytes[from].edges.push_back({lo, hi, to});
    }
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
