// POST /v1/completions: parse (JSON to request) and encode (events to JSON), both pure.
// Shapes: https://platform.openai.com/docs/api-reference/completions
#pragma once

#include <boost/json.hpp>

#include <memory>

#include "base/result.h"
#include "shimmy/api/openai_common.h"
#include "shimmy/api/openai_encoder.h"

namespace shimmy {

// Errors: kInvalidArgument and kUnsupported with the JSON path in `param`.
base::Result<OpenAiCall> parse_openai_completions(const boost::json::object& body);

std::unique_ptr<Encoder> openai_completions_encoder(OpenAiIdentity identity, const OpenAiCall& call);

}  // namespace shimmy
