// ChatPlan: a conversation made ready for one model: its prompt, and how the answer will be read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shimmy/service/chat_output.h"
#include "shimmy/service/generation.h"
#include "shimmy/service/loaded_model.h"

namespace shimmy {

// Calls that the answer must make, or may make only as its schemas say.
struct CallDemand {
    bool wanted = false;
    bool required = false;  // else text may stand in place of calls, and around them
    bool parallel = true;
    boost::json::array tools;
};

struct ChatPlan {
    airframe::Rendered rendered;
    ChatOutputOptions output;
    CallDemand calls;
    std::vector<std::string_view> marks;  // that the reader needs: shown even where they are control tokens
};

// Errors: kUnsupported (the model has no chat template), kInvalidArgument with the template's own words.
base::Result<ChatPlan> plan_chat(const LoadedModel& model, const ChatInput& chat);

// The name of a tool of the request, in OpenAI's form.
std::string_view tool_name(const boost::json::value& tool);

// "call_" and letters; `is_short`: nine letters and digits.
std::string new_call_id(bool is_short);

}  // namespace shimmy
