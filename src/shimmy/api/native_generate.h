// What the original Shimmy's request shape becomes: shared by POST /api/generate and GET /ws/generate.
#pragma once

#include <boost/json.hpp>

#include "shimmy/api/json_write.h"
#include "shimmy/api/openai_common.h"

namespace shimmy {

// `prompt`, or `messages` and `system`; 256 tokens unless told otherwise. Errors: kInvalidArgument with the
// path.
base::Result<OpenAiCall> parse_generate(const boost::json::object& body);

// {"prompt_tokens","completion_tokens","total_tokens"}
void write_plain_usage(JsonWriter& out, const airframe::Usage& usage);

}  // namespace shimmy
