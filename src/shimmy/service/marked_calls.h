// An answer that may call tools and may be a text, as a grammar: free text, and what its format's row says of
// calls. A call begins where the reader of answers (chat_output.h) would begin one: behind a mark, behind a
// name and the mark after it, or, where no mark announces calls, with the head of a call at the beginning of
// the answer. From there on it is held to its tool; what cannot become a call stays free.
#pragma once

#include <string_view>

#include "airframe/text/grammar_builder.h"
#include "base/result.h"
#include "shimmy/service/call_rules.h"
#include "shimmy/service/chat_plan.h"

namespace shimmy {

// The place where the answer begins. REQUIRES: a format without channels. Errors: kInvalidArgument, detail
// "invalid_json_schema".
base::Result<airframe::GrammarBuilder::Place> add_marked_calls(airframe::GrammarBuilder& builder,
                                                               const ChatPlan& plan, const Spell& spell);

// The mark that the format's writing begins with; empty: none announces its calls.
std::string_view opening_mark(const ChatFormat& format);

}  // namespace shimmy
