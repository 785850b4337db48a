// The tools of a chat request: tools, tool_choice, parallel_tool_calls, and their older names functions and
// function_call. Pure.
#pragma once

#include <boost/json.hpp>

#include "base/result.h"
#include "shimmy/api/json_read.h"
#include "shimmy/service/loaded_model.h"

namespace shimmy {

struct OpenAiTools {
    boost::json::array tools;  // those that the model may call, OpenAI's form
    ToolChoice choice;
    bool is_named = false;      // one function was demanded by name
    bool as_functions = false;  // asked for in the older form: the call is told as function_call
};

// Kinds of tools that other servers run themselves (web_search, …) are left out. Errors: kInvalidArgument
// with the JSON path.
base::Result<OpenAiTools> parse_openai_tools(const Fields& fields);

}  // namespace shimmy
