// The bytes of a response: status line, headers, chunk framing.
#pragma once

#include <string>
#include <string_view>

#include "shimmy/api/http_message.h"

namespace shimmy {

struct HeadContext {
    bool http_1_0 = false;   // of the request
    bool keep_alive = true;  // whether the connection stays open afterwards
    std::string_view request_id;
    std::string_view extra_headers;  // whole lines
    size_t body_bytes = 0;           // unless streamed
};

void append_head(std::string& out, const ResponseHead& head, const HeadContext& context);
void append_chunk(std::string& out,
                  std::string_view data);  // REQUIRES: data is not empty, which would end the body
// `trailer`: whole lines
void append_last_chunk(std::string& out, std::string_view trailer = {});

// The date as HTTP writes it; one string per second and thread.
std::string_view http_date();

}  // namespace shimmy
