// Calls written as objects of JSON, alone or in a list, as a part of a grammar: behind a mark, where nothing
// else may stand, or found in free text by how such an object begins.
#pragma once

#include <string>
#include <vector>

#include "airframe/text/grammar_builder.h"
#include "airframe/text/text_scan.h"
#include "base/result.h"
#include "shimmy/service/call_rules.h"

namespace shimmy {

class JsonCalls {
  public:
    using Place = airframe::GrammarBuilder::Place;
    using State = airframe::TextScan::State;

    // All are borrowed. `parallel`: several calls may follow each other.
    JsonCalls(airframe::GrammarBuilder& builder, airframe::TextScan& scan, CallRules& rules, bool parallel)
        : builder_(builder), scan_(scan), rules_(rules), parallel_(parallel) {}

    // What stands behind the last object, spelled (empty: nothing), and where the grammar goes on then.
    struct End {
        std::string closing;
        Place to;
    };
    // From `from` on nothing but objects or lists of them, calling these tools.
    base::Result<void> add(Place from, const std::vector<size_t>& tools, const End& end);
    // An object whose brace stands before `object` is free as long as its members cannot be those of a call
    // with the name of a tool, and no call is hidden from the grammar: a name must come before its arguments.
    base::Result<void> find(State object, const End& end) { return find_in(object, false, end); }
    // The same at the beginning of an answer, for lists and within a fence of Markdown too.
    base::Result<void> find_at_start(State start, const End& end);

  private:
    base::Result<void> find_in(State object, bool in_list, const End& end);
    base::Result<void> find_lists_too(State at, const End& end);
    base::Result<Place> behind_object(const std::vector<size_t>& tools, bool in_list, const End& end);
    base::Result<void> use_objects(Place from, const std::vector<size_t>& tools, Place to);
    template <size_t N>
    State behind_key(State object, const std::string_view (&keys)[N]);
    void skip_scalar(State value, State object);

    airframe::GrammarBuilder& builder_;
    airframe::TextScan& scan_;
    CallRules& rules_;
    const bool parallel_;
};

}  // namespace shimmy
