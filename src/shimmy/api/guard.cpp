#include "shimmy/api/guard.h"

#include <algorithm>
#include <iterator>

#include <arpa/inet.h>

#include "base/log.h"

namespace shimmy {

using base::Error;
using base::ErrorCode;

namespace {

// "localhost:8080" -> "localhost", "[::1]:80" -> "::1"; empty for what is no host and port, such as
// "localhost:80@evil.example".
std::string_view host_of(std::string_view authority) {
    const bool bracketed = authority.starts_with('[');
    const size_t end = bracketed ? authority.find(']') : std::min(authority.find(':'), authority.size());
    if (end == std::string_view::npos) return {};
    const std::string_view port = authority.substr(bracketed ? end + 1 : end);
    const bool sound = port.empty() || (port.front() == ':' &&
                                        port.find_first_not_of("0123456789", 1) == std::string_view::npos);
    if (!sound) return {};
    return bracketed ? authority.substr(1, end - 1) : authority.substr(0, end);
}

bool is_ip_address(std::string_view host) {
    const std::string text(host);
    unsigned char bytes[16];
    return inet_pton(AF_INET, text.c_str(), bytes) == 1 || inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

bool is_loopback(std::string_view host) {
    if (host.ends_with('.')) host.remove_suffix(1);
    constexpr std::string_view kLocalhost = "localhost";
    if (equals_ignoring_case(host, kLocalhost)) return true;
    if (host.size() > kLocalhost.size() + 1 &&
        equals_ignoring_case(host.substr(host.size() - kLocalhost.size() - 1), ".localhost")) {
        return true;
    }
    return host == "::1" || (host.starts_with("127.") && is_ip_address(host));
}

// The origin's authority: "http://localhost:3000" -> "localhost:3000"; empty for "null" and what is no web
// origin.
std::string_view authority_of(std::string_view origin) {
    const size_t scheme = origin.find("://");
    return scheme == std::string_view::npos ? std::string_view() : origin.substr(scheme + 3);
}

bool is_json_type(std::string_view content_type) {
    std::string_view type = content_type.substr(0, content_type.find(';'));
    while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
    if (equals_ignoring_case(type, "application/json")) return true;
    return type.size() > 5 && equals_ignoring_case(type.substr(type.size() - 5), "+json");
}

// Browsers say so themselves; programs have no reason to.
bool is_from_web_page(const HttpRequest& request) {
    const std::string* site = request.header("sec-fetch-site");
    const bool other_site = site != nullptr && *site != "same-origin" && *site != "none";
    return other_site || request.header("origin") != nullptr;
}

std::unexpected<Error> refuse(std::string_view detail, std::string message) {
    return std::unexpected(Error{ErrorCode::kInvalidArgument, std::move(message), {}, std::string(detail)});
}

base::Result<void> check_host_name(std::string_view host, const GuardRules& rules) {
    if (is_loopback(host) || (!host.empty() && host == rules.bound_address)) return {};
    if (rules.bound_to_all && is_ip_address(host)) return {};
    const auto named = [&](const std::string& name) {
        return name == "*" || equals_ignoring_case(name, host);
    };
    if (std::ranges::any_of(rules.allowed_hosts, named)) return {};
    return refuse(
        "host_not_allowed",
        fmt::format("The host name '{}' is not one this server answers to. Use its address, or start it "
                    "with --allowed-hosts {}.",
                    base::printable(host), base::printable(host)));
}

}  // namespace

base::Result<void> check_host(const HttpRequest& request, const GuardRules& rules) {
    if (request.local) return {};
    if (const std::string_view named = authority_of(request.target);
        !request.target.starts_with('/') && !named.empty()) {  // absolute form, as proxies send it
        TRY_VOID(check_host_name(host_of(named.substr(0, named.find_first_of("/?#"))), rules));
    }
    const std::string* header = request.header("host");
    if (header == nullptr) return {};  // HTTP/1.0
    return check_host_name(host_of(*header), rules);
}

base::Result<void> check_origin(const HttpRequest& request, const GuardRules& rules) {
    const std::string* origin = request.header("origin");
    if (origin == nullptr) return {};
    const std::string_view authority = authority_of(*origin);
    const std::string* host = request.header("host");
    const bool same_origin = host != nullptr && !authority.empty() && authority == *host;
    if (same_origin || is_loopback(host_of(authority))) return {};
    const auto named = [&](const std::string& allowed) { return equals_ignoring_case(allowed, *origin); };
    if (std::ranges::any_of(rules.allowed_origins, named)) return {};
    return refuse(
        "origin_not_allowed",
        fmt::format(
            "Web pages of '{}' may not use this server; only pages of localhost may, and those that it "
            "is started with: --allowed-origins {}.",
            base::printable(*origin), base::printable(*origin)));
}

bool is_origin(std::string_view text) {
    constexpr std::string_view kLetters =
        "abcdefghijklmnopqrstuvwxyz-";  // extensions have schemes of their own
    const std::string_view scheme = text.substr(0, text.find("://"));
    const std::string_view authority = authority_of(text);
    return !scheme.empty() && scheme.find_first_not_of(kLetters) == std::string_view::npos &&
           !authority.empty() && authority.find_first_of("/?#*@ ") == std::string_view::npos;
}

base::Result<void> check_content_type(const HttpRequest& request) {
    const std::string* encoding = request.header("content-encoding");
    if (encoding != nullptr && !equals_ignoring_case(*encoding, "identity")) {
        return refuse("unsupported_media_type",
                      fmt::format("Content-Encoding '{}' is not supported; send the body as it is.",
                                  base::printable(*encoding)));
    }
    const std::string* type = request.header("content-type");
    const bool without = type == nullptr || type->empty();
    if (without && is_from_web_page(request)) {
        return refuse("unsupported_media_type",
                      "A web page's request needs 'Content-Type: application/json'.");
    }
    if (without || is_json_type(*type)) return {};
    return refuse("unsupported_media_type",
                  fmt::format("Content-Type '{}' is not supported; send 'Content-Type: application/json'.",
                              base::printable(*type)));
}

std::string cors_headers(const HttpRequest& request, const GuardRules& rules) {
    const std::string* origin = request.header("origin");
    if (origin == nullptr || !check_origin(request, rules)) return {};
    return fmt::format(
        "Access-Control-Allow-Origin: {}\r\nAccess-Control-Expose-Headers: x-request-id, retry-after, "
        "server-timing, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, "
        "x-ratelimit-reset-requests\r\n"
        "Vary: Origin\r\n",
        *origin);
}

std::vector<std::pair<std::string_view, std::string>> preflight_headers(const HttpRequest& request,
                                                                        std::string_view methods) {
    std::vector<std::pair<std::string_view, std::string>> headers = {{"Allow", std::string(methods)}};
    if (request.header("origin") == nullptr) return headers;
    headers.emplace_back("Access-Control-Allow-Methods", std::string(methods));
    headers.emplace_back("Access-Control-Max-Age", "600");
    if (const std::string* wanted = request.header("access-control-request-headers")) {
        headers.emplace_back("Access-Control-Allow-Headers", *wanted);
    }
    return headers;
}

}  // namespace shimmy
