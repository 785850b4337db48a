// Calls written as Python: name(key="value", other=[1, True]).
#pragma once

#include <string>
#include <string_view>

#include "shimmy/service/json_scan.h"

namespace shimmy {

struct PythonCall {
    Scan state = Scan::kMore;
    std::string name;
    std::string arguments;  // JSON
    size_t end = 0;         // behind the closing parenthesis
};

// The call that begins at the front of `text`. Positional arguments and expressions are kBad.
PythonCall read_python_call(std::string_view text);

}  // namespace shimmy
