// POST /v1/chat/completions and /v1/completions: from the body to a running generation.
#include <utility>

#include "base/clock.h"
#include "shimmy/api/completion_handler.h"
#include "shimmy/api/handlers.h"
#include "shimmy/api/openai_chat.h"
#include "shimmy/api/openai_completions.h"
#include "shimmy/api/request_id.h"

namespace shimmy {

namespace {

constexpr CompletionKind kChat = {"chatcmpl-", parse_openai_chat, openai_chat_encoder};
constexpr CompletionKind kText = {"cmpl-", parse_openai_completions, openai_completions_encoder};

}  // namespace

std::unique_ptr<Reply> complete(const CompletionKind& kind, ApiContext& context, const ApiRequest& request) {
    auto call = read_body(context, request, kind.model_is_optional, kind.parse);
    if (!call) return ready_reply(openai_refusal(call.error()));
    OpenAiIdentity identity{new_id(kind.id_prefix), base::unix_seconds(), call->request.model};
    auto encoder = kind.encoder(std::move(identity), *call);
    call->request.cache_salt = request.client;  // clients with keys of their own share no prefixes
    auto generation = context.service.generate(std::move(call->request));
    return completion_reply(std::move(generation), std::move(encoder), call->stream);
}

std::unique_ptr<Reply> handle_chat_completions(ApiContext& context, ApiRequest request) {
    return complete(kChat, context, request);
}

std::unique_ptr<Reply> handle_completions(ApiContext& context, ApiRequest request) {
    return complete(kText, context, request);
}

}  // namespace shimmy
