// An answer in harmony's channels that may call tools, as a grammar: messages, each with a header; those to a
// function are held to its schema.
#pragma once

#include "airframe/text/grammar_builder.h"
#include "base/result.h"
#include "shimmy/service/call_rules.h"
#include "shimmy/service/chat_plan.h"

namespace shimmy {

// The place where the answer begins, behind the role of its first message. REQUIRES: a format with channels.
// Errors: kInvalidArgument, detail "invalid_json_schema".
base::Result<airframe::GrammarBuilder::Place> add_channel_calls(airframe::GrammarBuilder& builder,
                                                                const ChatPlan& plan, const Spell& spell);

}  // namespace shimmy
