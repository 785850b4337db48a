#include "shimmy/api/api_app.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/log.h"
#include "shimmy/api/openai_common.h"

namespace shimmy {

using base::Error;
using base::ErrorCode;

namespace {

constexpr size_t kIgnoredBodyBytesMax = 64 << 10;  // of requests that need none

base::Result<RouteMatch> find_route(const HttpRequest& request) {
    RouteMatch match = match_route(request.method, request.target);
    if (match.endpoint != nullptr || (request.method == "OPTIONS" && !match.allow.empty())) return match;
    const std::string shown = base::printable(request.target);
    if (!match.allow.empty()) {
        return std::unexpected(Error{ErrorCode::kInvalidArgument,
                                     fmt::format("{} is not a method of {}; use one of: {}.",
                                                 base::printable(request.method), shown, match.allow),
                                     {},
                                     "method_not_allowed"});
    }
    return std::unexpected(
        Error{ErrorCode::kNotFound,
              fmt::format("Unknown request URL: {} {}. The API is under /v1, for example POST "
                          "/v1/chat/completions; GET / tells more.",
                          base::printable(request.method), shown),
              {},
              "unknown_url"});
}

// Asking what there is costs nothing; work does.
bool is_metered(const Endpoint& endpoint) { return endpoint.method == "POST" || endpoint.websocket; }

}  // namespace

void ApiApp::change_keys(ApiKeys keys) {
    keys.take_over(*keys_.load());
    keys_.store(std::make_shared<const ApiKeys>(std::move(keys)));
}

base::Result<Admission> ApiApp::admit(const HttpRequest& request) {
    TRY_VOID(check_host(request, rules_));
    TRY_VOID(check_origin(request, rules_));
    // Before the route: who has no key learns nothing of what there is. A preflight cannot carry one.
    if (request.method != "OPTIONS" && !is_open_to_all(request.target)) {
        TRY_VOID(keys_.load()->check(request));
    }
    TRY(const RouteMatch match, find_route(request));
    Admission admission{kIgnoredBodyBytesMax, cors_headers(request, rules_)};
    if (match.endpoint != nullptr && match.endpoint->body_bytes_max > 0) {
        TRY_VOID(check_content_type(request));
        admission.body_bytes_max = std::min(match.endpoint->body_bytes_max, body_bytes_max_);
    }
    return admission;
}

void ApiApp::handle(HttpRequest request, Deliver deliver) {
    RouteMatch match = match_route(request.method, request.target);
    if (match.endpoint == nullptr) {  // OPTIONS: all else was refused by admit()
        return deliver(
            ready_reply({.head = {.status = 204, .headers = preflight_headers(request, match.allow)}}));
    }
    const Endpoint& endpoint = *match.endpoint;
    ApiKeys::Holder holder = keys_.load()->holder_of(request);
    if (holder.use && is_metered(endpoint)) {
        KeyUse::Verdict verdict = holder.use->enter(base::Clock::now());
        if (!verdict.permit) {
            return deliver(limited_reply(ready_reply(openai_refusal(verdict.permit.error())), {},
                                         std::move(verdict.headers)));
        }
        deliver = [deliver = std::move(deliver), permit = std::move(*verdict.permit),
                   headers = std::move(verdict.headers)](std::unique_ptr<Reply> reply) mutable {
            deliver(limited_reply(std::move(reply), std::move(permit), std::move(headers)));
        };
    }
    ApiRequest api_request{std::move(request), std::move(match.param), std::move(holder.client),
                           endpoint.operation.body};
    if (endpoint.runs_on == RunsOn::kIo) return deliver(run(endpoint, std::move(api_request)));
    auto shared = std::make_shared<Deliver>(std::move(deliver));
    const bool posted = context_.service.workers().try_post(
        [this, &endpoint, shared, api_request = std::move(api_request)]() mutable {
            (*shared)(run(endpoint, std::move(api_request)));
        });
    if (!posted) {
        (*shared)(
            ready_reply(openai_refusal({ErrorCode::kQueueFull,
                                        "This server has too many requests at once; try again in a moment.",
                                        {},
                                        {}})));
    }
}

// A fault in one request stays in it.
std::unique_ptr<Reply> ApiApp::run(const Endpoint& endpoint, ApiRequest request) {
    const std::string id = request.http.id;
    try {
        return endpoint.handler(context_, std::move(request));
    } catch (const std::bad_alloc&) {
        return ready_reply(openai_refusal(
            {ErrorCode::kOutOfMemory, "The server has not enough memory for this request.", {}, {}}));
    } catch (const std::exception& fault) {
        base::log_error("request {}: {}", id, base::printable(fault.what()));
        return ready_reply(
            openai_refusal({ErrorCode::kInternal,
                            fmt::format("A fault of the server; its log names it under {}.", id),
                            {},
                            {}}));
    }
}

Response ApiApp::refuse(const Error& error, const HttpRequest* request) {
    Response response = openai_refusal(error);
    if (error.detail == "invalid_api_key") response.head.headers.emplace_back("WWW-Authenticate", "Bearer");
    if (request == nullptr) return response;
    if (error.detail == "method_not_allowed") {
        response.head.headers.emplace_back("Allow", match_route(request->method, request->target).allow);
    }
    if (const std::string* origin = request->header("origin");
        origin != nullptr && check_origin(*request, rules_)) {
        response.head.headers.emplace_back("Access-Control-Allow-Origin", *origin);
    }
    return response;
}

}  // namespace shimmy
