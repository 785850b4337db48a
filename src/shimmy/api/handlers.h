// The endpoints' handlers, and what they work with. Where a handler runs says its row in routes.cpp.
#pragma once

#include <memory>
#include <string>

#include "shimmy/api/http_message.h"
#include "shimmy/api/request_body.h"
#include "shimmy/api/routes.h"
#include "shimmy/service/service.h"

namespace shimmy {

struct ApiContext {
    Service& service;
    const std::string version;                           // of the program
    std::string base_url;                                // "http://127.0.0.1:11435"
    size_t message_bytes_max = 0;                        // of a WebSocket
    std::shared_ptr<const KnownNames> known_names = {};  // null: unknown parameters are ignored
};

// native.cpp
std::unique_ptr<Reply> handle_index(ApiContext& context, ApiRequest request);
std::unique_ptr<Reply> handle_health(ApiContext& context, ApiRequest request);
std::unique_ptr<Reply> handle_live(ApiContext& context, ApiRequest request);
std::unique_ptr<Reply> handle_ready(ApiContext& context, ApiRequest request);
std::unique_ptr<Reply> handle_diag(ApiContext& context, ApiRequest request);
// metrics.cpp
std::unique_ptr<Reply> handle_metrics(ApiContext& context, ApiRequest request);
// openapi_handlers.cpp
std::unique_ptr<Reply> handle_openapi_yaml(ApiContext& context, ApiRequest request);
std::unique_ptr<Reply> handle_openapi_json(ApiContext& context, ApiRequest request);
// openai_models.cpp
std::unique_ptr<Reply> handle_models(ApiContext& context, ApiRequest request);
std::unique_ptr<Reply> handle_model(ApiContext& context, ApiRequest request);
// openai_handlers.cpp
std::unique_ptr<Reply> handle_chat_completions(ApiContext& context, ApiRequest request);
std::unique_ptr<Reply> handle_completions(ApiContext& context, ApiRequest request);
// openai_embeddings.cpp
std::unique_ptr<Reply> handle_embeddings(ApiContext& context, ApiRequest request);
// rerank.cpp
std::unique_ptr<Reply> handle_rerank(ApiContext& context, ApiRequest request);

// native_text.cpp
std::unique_ptr<Reply> handle_tokenize(ApiContext& context, ApiRequest request);
std::unique_ptr<Reply> handle_detokenize(ApiContext& context, ApiRequest request);
std::unique_ptr<Reply> handle_apply_template(ApiContext& context, ApiRequest request);
// native_generate.cpp
std::unique_ptr<Reply> handle_generate(ApiContext& context, ApiRequest request);
std::unique_ptr<Reply> handle_infill(ApiContext& context, ApiRequest request);

// ws_generate.cpp
std::unique_ptr<Reply> handle_ws_generate(ApiContext& context, ApiRequest request);

}  // namespace shimmy
