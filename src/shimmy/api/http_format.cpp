#include "shimmy/api/http_format.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <iterator>

#include "base/clock.h"

namespace shimmy {

std::string_view http_date() {
    thread_local int64_t second = 0;
    thread_local std::string text;
    const int64_t now = base::unix_seconds();
    if (now != second) {
        second = now;
        text = fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(static_cast<std::time_t>(now)));
    }
    return text;
}

void append_head(std::string& out, const ResponseHead& head, const HeadContext& context) {
    const auto to = std::back_inserter(out);
    fmt::format_to(to, "HTTP/1.1 {} {}\r\nDate: {}\r\n", head.status, reason_phrase(head.status),
                   http_date());
    if (head.status != 101 && head.status != 204) {
        fmt::format_to(to, "Content-Type: {}\r\n", head.content_type);
        if (!head.streamed) {
            fmt::format_to(to, "Content-Length: {}\r\n", context.body_bytes);
        } else if (!context.http_1_0) {
            out += "Transfer-Encoding: chunked\r\n";
            if (!head.trailer.empty()) fmt::format_to(to, "Trailer: {}\r\n", head.trailer);
        }
    }
    for (const auto& [name, value] : head.headers) fmt::format_to(to, "{}: {}\r\n", name, value);
    out += context.extra_headers;
    fmt::format_to(to, "x-request-id: {}\r\n", context.request_id);
    const bool switches = head.status == 101;  // with a Connection header of its own
    if (!context.keep_alive && !switches) {
        out += "Connection: close\r\n";
    } else if (context.http_1_0) {
        out += "Connection: keep-alive\r\n";
    }
    out += "\r\n";
}

void append_chunk(std::string& out, std::string_view data) {
    fmt::format_to(std::back_inserter(out), "{:x}\r\n", data.size());
    out += data;
    out += "\r\n";
}

void append_last_chunk(std::string& out, std::string_view trailer) {
    out += "0\r\n";
    out += trailer;
    out += "\r\n";
}

}  // namespace shimmy
