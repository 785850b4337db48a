// What OpenAI's chat and text completions have in common: parameters and refusals.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "shimmy/api/http_message.h"
#include "shimmy/api/json_read.h"
#include "shimmy/service/generation.h"

namespace shimmy {

// A request as its dialect understood it.
struct OpenAiCall {
    GenerateRequest request;
    bool stream = false;
    bool include_usage = false;       // a last chunk with the usage
    bool calls_as_functions = false;  // function_call instead of tool_calls
    bool call_is_named = false;  // tool_choice names the one function: OpenAI ends such an answer with "stop"

    uint32_t choices() const { return static_cast<uint32_t>(request.prompts.size()) * request.n; }
};

// The model that a request names.
base::Result<std::string> parse_model(const Fields& fields);

// model, n, stop, sampling, logit_bias, seed, stream, stream_options. Errors: kInvalidArgument with the JSON
// path.
base::Result<OpenAiCall> parse_openai_common(const Fields& fields);

// `truncation`: "auto" or "disabled".
base::Result<bool> parse_truncation(const Fields& fields);

// Fields that change what the answer must look like and that we cannot honour: refused rather than ignored.
struct UnsupportedField {
    std::string_view name, advice;
};
base::Result<void> refuse_unsupported(const Fields& fields, std::span<const UnsupportedField> unsupported);
base::Error unsupported_value(std::string path, std::string message);

// Where an OpenAI error ends up when nothing has been sent yet.
Response openai_refusal(const base::Error& error);

}  // namespace shimmy
