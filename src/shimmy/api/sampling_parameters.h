// The sampling parameters that are plain numbers: their names on the wire, their ranges, where they go. Read
// by the parsers of the OpenAI and native dialects, and by the description of the API.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "shimmy/service/generation.h"

namespace shimmy {

struct NumberParameter {
    std::string_view name;
    double low, high;  // both allowed
    std::optional<float> SamplingOverrides::* target;
    std::string_view what;
};
std::span<const NumberParameter> number_parameters();

struct IntegerParameter {
    std::string_view name;
    int64_t low, high;  // both allowed
    std::optional<int32_t> SamplingOverrides::* target;
    std::string_view what;
};
std::span<const IntegerParameter> integer_parameters();

}  // namespace shimmy
