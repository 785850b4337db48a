// GET /openapi.yaml and /openapi.json.
#include "shimmy/api/handlers.h"
#include "shimmy/api/openapi.h"

namespace shimmy {

std::unique_ptr<Reply> handle_openapi_yaml(ApiContext& context, ApiRequest) {
    return ready_reply({.head = {.content_type = "application/yaml"}, .body = openapi_yaml(context.version)});
}

std::unique_ptr<Reply> handle_openapi_json(ApiContext& context, ApiRequest) {
    return ready_reply({.head = {}, .body = boost::json::serialize(openapi_document(context.version))});
}

}  // namespace shimmy
