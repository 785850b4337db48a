// What a model must write to call tools, in its own format, as a part of a grammar: names of the tools,
// arguments as their schemas say.
#pragma once

#include <boost/json.hpp>

#include <functional>
#include <string>
#include <string_view>

#include "airframe/text/grammar_builder.h"
#include "base/result.h"
#include "shimmy/service/chat_plan.h"

namespace shimmy {

// A text of the format as grammars see it (answer_grammar.h).
using Spell = std::function<std::string(std::string_view)>;

// The tools' arguments can be written in this format: those that are no JSON take parameters of objects only,
// each with a schema of its own.
bool can_write(const CallWriting& writing, const boost::json::array& tools);
// The mark that the calls of this format begin with; empty: none announces them.
std::string_view opening_mark(const ChatFormat& format);
bool any_is_strict(const boost::json::array& tools);

// From `from` to `to`: one call, or several where the plan and its format allow them. Errors: as below.
base::Result<void> add_call_block(airframe::GrammarBuilder& builder, airframe::GrammarBuilder::Place from,
                                  airframe::GrammarBuilder::Place to, const ChatPlan& plan,
                                  const Spell& spell);
// From `from` on: the calls that the plan demands, to the end of the text. Errors: kInvalidArgument, detail
// "invalid_json_schema".
base::Result<void> add_calls(airframe::GrammarBuilder& builder, airframe::GrammarBuilder::Place from,
                             const ChatPlan& plan, const Spell& spell);

}  // namespace shimmy
