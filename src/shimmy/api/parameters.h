// The parameters that requests may have, as data: openapi.yaml is made from them, and the end-to-end tests
// hold each row to what the server does with it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace shimmy {

enum class ParameterUse : uint8_t {
    kHonoured,  // changes the answer; a value of the wrong kind or out of range is a 400
    kIgnored,   // accepted with any value, and without effect
    kRefused    // what it asks for cannot be done: a 400 that names it
};

struct Parameter {
    std::string_view name;
    std::string_view schema;  // JSON Schema of its values as JSON text; null always counts as absent
    std::string_view what;
    bool required = false;
    ParameterUse use = ParameterUse::kHonoured;
};

// Parameters that belong together; a request's body is made of several lists.
using ParameterList = std::span<const Parameter>;
inline constexpr size_t kParameterListsMax = 9;

struct RequestBody {
    ParameterList lists[kParameterListsMax];  // empty ones behind the last
    bool has_sampling_numbers = false;        // those of sampling_parameters.h too
};

extern const RequestBody kChatBody, kCompletionsBody;  // OpenAI
extern const RequestBody kEmbeddingsBody, kRerankBody;
extern const RequestBody kTokenizeBody, kDetokenizeBody, kApplyTemplateBody;  // texts
extern const RequestBody kGenerateBody, kInfillBody;                          // the original's, llama.cpp's

}  // namespace shimmy
