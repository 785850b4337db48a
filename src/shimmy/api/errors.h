// The one table from failures to what a client sees: status, type and code. Dialects shape the body
// themselves.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace shimmy {

struct WireError {
    int status;
    std::string_view type;
    std::string_view code;
    int retry_after_s;  // 0: the header is not sent
};

// Every row of the table.
std::vector<WireError> all_wire_errors();

// By error.detail where the table knows it, else by error.code.
WireError wire_error(const base::Error& error);

// {"error":{"message","type","param","code"}}: OpenAI's shape.
std::string openai_error_body(const base::Error& error);

}  // namespace shimmy
