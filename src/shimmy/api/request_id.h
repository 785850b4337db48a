// Random identifiers: "req_…" for requests, "chatcmpl-…" and their like for answers.
#pragma once

#include <string>
#include <string_view>

#include "shimmy/api/http_message.h"

namespace shimmy {

// prefix and 24 random letters and digits. Any thread.
std::string new_id(std::string_view prefix);

inline std::string new_request_id() { return new_id("req_"); }

// The client's own x-request-id when it sent a decent one, else a new one.
std::string request_id_for(const HttpRequest& request);

}  // namespace shimmy
