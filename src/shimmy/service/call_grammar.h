// What a model must write to call tools, in its own format, as a part of a grammar: names of the tools,
// arguments as their schemas say.
#pragma once

#include <boost/json.hpp>

#include "airframe/text/grammar_builder.h"
#include "base/result.h"
#include "shimmy/service/call_rules.h"
#include "shimmy/service/chat_plan.h"

namespace shimmy {

// The tools' arguments can be written in this format: those that are no JSON take parameters of objects only,
// each with a schema of its own. `required`: all tools are held to their schemas, else the strict ones.
bool can_write(const CallWriting& writing, const boost::json::array& tools, bool required);

// Calls of the tools that the format can write: one, or several where the plan and the format allow them.
// Errors: kInvalidArgument, detail "invalid_json_schema".
class CallBlock {
  public:
    using Place = airframe::GrammarBuilder::Place;

    // All are borrowed.
    CallBlock(airframe::GrammarBuilder& builder, const ChatPlan& plan, CallRules& rules, const Spell& spell);

    // From `from` to `to`. So many bytes of the format's prefix and before_name stand there already; where
    // that is more than the prefix, a call has begun without it, and the suffix may be missing too.
    base::Result<void> add(Place from, Place to, size_t begun = 0);
    // The place behind a first call, from which further ones and the suffix lead to `to`.
    base::Result<Place> behind_call(Place to);

  private:
    base::Result<void> add_calls(Place from, size_t begun, Place to);

    airframe::GrammarBuilder& builder_;
    const CallWriting& writing_;
    const bool parallel_;
    CallRules& rules_;
    const Spell& spell_;
};

}  // namespace shimmy
