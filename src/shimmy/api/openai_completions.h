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

// Errors: best_of > n of a stream.
base::Result<void> check_streamable(const OpenAiCall& call);

std::unique_ptr<Encoder> openai_completions_encoder(OpenAiIdentity identity, const OpenAiCall& call);

}  // namespace shimmy
