// GET /v1/models and /v1/models/{id}. Strict front-ends refuse extra fields, so ours stand under one key,
// `meta`.
#include <utility>

#include "shimmy/api/handlers.h"
#include "shimmy/api/json_write.h"
#include "shimmy/api/openai_common.h"

namespace shimmy {

namespace {

constexpr int64_t kNoDate = 1'700'000'000;  // for a model without one: the field must be positive

void write_model(JsonWriter& json, const ModelEntry& entry, const std::string& current_id) {
    const int64_t created = entry.modified_unix_seconds > 0 ? entry.modified_unix_seconds : kNoDate;
    const ModelFacts& facts = entry.facts();
    json.begin_object().key("id").value(entry.id).key("object").value("model");
    json.key("created").value(created).key("owned_by").value("shimmy");
    json.key("meta").begin_object();
    json.key("source").value(entry.source).key("size_bytes").value(entry.bytes);
    json.key("loaded").value(entry.id == current_id);
    json.key("architecture").value(facts.architecture).key("parameters").value(facts.parameters);
    json.key("quantization").value(facts.quantisation).key("context_length").value(facts.context_tokens);
    json.key("chat_template").value(facts.has_chat_template);
    if (!facts.fault.empty()) json.key("fault").value(facts.fault);
    json.end_object().end_object();
}

}  // namespace

std::unique_ptr<Reply> handle_models(ApiContext& context, ApiRequest) {
    const std::string current = context.service.registry().status().current_id;
    Response response;
    JsonWriter json(response.body);
    json.begin_object().key("object").value("list").key("data").begin_array();
    for (const ModelEntry& entry : context.service.catalog().entries()) write_model(json, entry, current);
    json.end_array().end_object();
    return ready_reply(std::move(response));
}

std::unique_ptr<Reply> handle_model(ApiContext& context, ApiRequest request) {
    const auto entry = context.service.find_model(request.param);
    if (!entry) return ready_reply(openai_refusal(entry.error()));
    Response response;
    JsonWriter json(response.body);
    write_model(json, *entry, context.service.registry().status().current_id);
    return ready_reply(std::move(response));
}

}  // namespace shimmy
