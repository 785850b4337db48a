// Guard: who may talk to a local server. Web pages of others must not: not by a rebound DNS name (Host), not
// by a cross-site request (Origin), not by a form or plain text that browsers send without asking
// (Content-Type). Pure functions over headers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "shimmy/api/http_message.h"

namespace shimmy {

struct GuardRules {
    std::string bound_address;                 // without port
    bool bound_to_all = false;                 // 0.0.0.0 or ::: any IP address is one of ours
    std::vector<std::string> allowed_hosts;    // further names; "*": all
    std::vector<std::string> allowed_origins;  // whose pages may use the server, beside localhost's
};

// Errors: kInvalidArgument with detail "host_not_allowed", "origin_not_allowed" or "unsupported_media_type".
base::Result<void> check_host(const HttpRequest& request, const GuardRules& rules);
base::Result<void> check_origin(const HttpRequest& request, const GuardRules& rules);
base::Result<void> check_content_type(const HttpRequest& request);

// "https://app.example:8443": what a page's origin looks like; there is no "*".
bool is_origin(std::string_view text);

// Headers (whole lines) that let an allowed page read the response; empty without an Origin.
std::string cors_headers(const HttpRequest& request, const GuardRules& rules);
// Further ones for the answer to a preflight.
std::vector<std::pair<std::string_view, std::string>> preflight_headers(const HttpRequest& request,
                                                                        std::string_view methods);

}  // namespace shimmy
