// The beginning of a call written as JSON: its name, and where its arguments begin.
#pragma once

#include <string>
#include <string_view>

#include "shimmy/service/json_scan.h"

namespace shimmy {

// Keys of the object of a call, and of what may stand around it.
inline constexpr std::string_view kCallNameKeys[] = {"name", "tool_name", "function_name"};
inline constexpr std::string_view kCallArgumentKeys[] = {"arguments", "parameters", "args"};
inline constexpr std::string_view kCallWrapperKeys[] = {"function", "tool_call"};  // or the name itself
inline constexpr std::string_view kCallListKeys[] = {"tool_calls"};
inline constexpr std::string_view kOtherCallKeys[] = {"type", "id", "tool_call_id", "index"};  // scalars

struct CallHeader {
    enum class Kind : uint8_t {
        kMore,    // more text is needed
        kNoCall,  // not the object of a call
        kOpen,    // the arguments begin at `at`, inside `depth` objects
        kWhole,   // the object ends at `at`: its arguments stand in `arguments`
        kList,    // a list of calls begins at `at`
    };
    Kind kind = Kind::kMore;
    size_t at = 0;
    int depth = 0;
    std::string name;
    std::string arguments;  // JSON
};

// `text` begins with the object's brace.
CallHeader read_call_header(std::string_view text);

// Arguments that the model wrote as a string, or not at all, as the JSON they mean.
std::string plain_arguments(std::string_view value);

}  // namespace shimmy
