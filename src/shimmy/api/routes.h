// The route table: every endpoint is a row.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "shimmy/api/http_message.h"
#include "shimmy/api/operation.h"

namespace shimmy {

struct ApiContext;

struct ApiRequest {
    HttpRequest http;
    std::string param;                       // what {…} in the path stood for, decoded
    std::string client = {};                 // a digest of its key; empty where no keys are asked for
    const RequestBody* body_kind = nullptr;  // null: none is read
};

enum class RunsOn : uint8_t { kIo, kWorker };  // kIo: for handlers that neither wait nor compute

struct Endpoint {
    std::string_view method;
    std::string_view
        path;  // with /v1 it is the same; may end in "/{name}", which takes the whole rest of the path
    std::unique_ptr<Reply> (*handler)(ApiContext& context, ApiRequest request);
    RunsOn runs_on;
    size_t body_bytes_max;   // 0: no body is expected, and a small one ignored
    Operation operation;     // for openapi.yaml
    bool websocket = false;  // no part of openapi.yaml, which has no words for it
};
inline constexpr size_t kAnyBody = ~size_t{0};  // up to the server's own limit

std::span<const Endpoint> endpoints();

struct RouteMatch {
    const Endpoint* endpoint = nullptr;  // null: no row with this path and method
    std::string param;
    std::string allow;  // methods that the path knows, for the Allow header; empty: the path is unknown
};
// A row that needs no API key: probes have none.
bool is_open_to_all(std::string_view target);
RouteMatch match_route(std::string_view method, std::string_view target);

}  // namespace shimmy
