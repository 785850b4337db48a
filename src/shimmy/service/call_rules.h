// CallRules: the calls of a request's tools as rules of a grammar, each made when first asked for: in the
// format's own writing, and as an object of JSON, which every reader of calls takes.
#pragma once

#include <boost/json.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "airframe/text/grammar_builder.h"
#include "base/result.h"
#include "shimmy/service/chat_plan.h"

namespace shimmy {

// A text of the format as grammars see it (answer_grammar.h).
using Spell = std::function<std::string(std::string_view)>;

bool is_strict(const boost::json::value& tool);

// Rules of tool `i` of the plan. Errors: kInvalidArgument, detail "invalid_json_schema", for the tool's
// schema.
class CallRules {
  public:
    using Rule = base::Result<airframe::NodeKey>;
    using Place = airframe::GrammarBuilder::Place;

    // All are borrowed.
    CallRules(airframe::GrammarBuilder& builder, const ChatPlan& plan, const Spell& spell);

    size_t size() const { return tools_.size(); }
    const std::string& name(size_t i) const { return tools_[i].name; }
    // Its arguments are held to its schema; else they are any object.
    bool is_held(size_t i) const { return tools_[i].held; }
    // The arguments can be written so: what is no JSON takes parameters one by one.
    bool can_write(size_t i, const CallWriting& writing) const;

    // A whole call. `begun`: so much of writing.before_name stands there already. REQUIRES: can_write.
    Rule call(size_t i, const CallWriting& writing, size_t begun = 0);
    // … from its arguments on.
    Rule call_rest(size_t i, const CallWriting& writing);
    // {"name": …, "arguments": {…}}
    Rule object(size_t i);
    Rule object_rest(size_t i);  // … behind the name and its quote
    Rule arguments(size_t i);    // an object of JSON
    // The place behind a little white space, or none.
    Place add_spaces(Place from);

  private:
    struct Tool {
        std::string name;
        const boost::json::value* schema;  // null: none
        bool held;
        std::optional<airframe::NodeKey> arguments, object, object_rest;
    };

    Rule arguments_as(size_t i, const CallWriting& writing);
    base::Result<Place> add_member(Place from);
    std::string written_name(size_t i, const CallWriting& writing) const;
    Place add_number(Place from);
    // The place behind one of the keys, quoted, and the colon.
    template <size_t N>
    Place add_key(Place from, const std::string_view (&keys)[N]);

    airframe::GrammarBuilder& builder_;
    const Spell& spell_;
    std::vector<Tool> tools_;
    airframe::NodeKey spaces_;
    std::optional<airframe::NodeKey> scalar_;
};

}  // namespace shimmy
