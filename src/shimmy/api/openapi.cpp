#include "shimmy/api/openapi.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "base/embedded_file.h"
#include "shimmy/api/errors.h"
#include "shimmy/api/routes.h"
#include "shimmy/api/sampling_parameters.h"
#include "shimmy/api/yaml_write.h"

std::span<const base::EmbeddedFile> openapi_components();

namespace shimmy {

namespace json = boost::json;

namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kEventStream = "text/event-stream";

constexpr std::pair<std::string_view, std::string_view> kTags[] = {
    {"openai", "OpenAI's API"},
    {"models", "The models of this machine"},
    {"native", "What this server has beyond it"},
    {"server", "The server itself"},
};

// Which failures an operation can have, beyond those of all.
constexpr int kOfAll[] = {403, 408, 431, 503};
constexpr int kOfBodies[] = {400, 413, 415};
constexpr int kOfModels[] = {404, 429, 500, 501, 504};

json::string text(std::string_view view) { return json::string(view.data(), view.size()); }
json::value parsed(std::string_view schema) {
    return json::parse(json::string_view(schema.data(), schema.size()));
}

json::object reference(std::string_view kind, std::string_view name) {
    return {{"$ref", fmt::format("#/components/{}/{}", kind, name)}};
}

// The type of null counts as absent everywhere.
json::value nullable(json::value schema) {
    json::object& object = schema.as_object();
    if (object.empty()) return schema;
    json::value* type = object.if_contains("type");
    if (type == nullptr) return json::object{{"anyOf", {std::move(schema), {{"type", "null"}}}}};
    if (type->is_string()) *type = json::array{*type, "null"};  // operator[] may move what is there already
    if (json::value* values = object.if_contains("enum")) values->as_array().push_back(nullptr);
    return schema;
}

// 0.01 stays, 2.0 becomes 2.
json::value number(double value) {
    if (value == std::floor(value)) return static_cast<int64_t>(value);
    return value;
}

constexpr std::string_view kUses[] = {"honoured", "ignored", "refused"};

void add_property(json::object& properties, const Parameter& parameter) {
    json::value schema = parsed(parameter.schema);
    if (!parameter.required) schema = nullable(std::move(schema));
    json::object& object = schema.as_object();
    object["description"] = text(parameter.what);
    if (parameter.use != ParameterUse::kHonoured)
        object["x-use"] = text(kUses[static_cast<size_t>(parameter.use)]);
    properties[text(parameter.name)] = std::move(schema);
}

template <class Row>
void add_numbers(json::object& properties, std::span<const Row> rows, std::string_view type) {
    for (const Row& row : rows) {
        const json::object schema{{"type", text(type)},
                                  {"minimum", number(static_cast<double>(row.low))},
                                  {"maximum", number(static_cast<double>(row.high))}};
        add_property(properties, {row.name, json::serialize(schema), row.what});
    }
}

json::object request_schema(const RequestBody& body) {
    json::object properties;
    json::array required;
    for (const ParameterList& list : body.lists) {
        for (const Parameter& parameter : list) {
            add_property(properties, parameter);
            if (parameter.required) required.push_back(text(parameter.name));
        }
    }
    if (body.has_sampling_numbers) {
        add_numbers(properties, number_parameters(), "number");
        add_numbers(properties, integer_parameters(), "integer");
    }
    json::object schema{{"type", "object"}, {"properties", std::move(properties)}};
    if (!required.empty()) schema["required"] = std::move(required);
    return schema;
}

json::object request_body(const RequestBody& body) {
    return {{"required", true}, {"content", {{text(kJson), {{"schema", request_schema(body)}}}}}};
}

json::object content_of(std::string_view media_type, json::object schema) {
    return {{text(media_type), {{"schema", std::move(schema)}}}};
}

json::object success(const Operation& operation) {
    json::object content;
    if (operation.answer == kJson) {
        content = content_of(kJson, {{"type", "object"}});
    } else if (operation.answer.find('/') != std::string_view::npos) {
        content = content_of(operation.answer, {{"type", "string"}});
    } else {
        content = content_of(kJson, reference("schemas", operation.answer));
    }
    if (!operation.stream.empty())
        content[text(kEventStream)] = {{"schema", reference("schemas", operation.stream)}};
    return {{"description", text(operation.summary)}, {"content", std::move(content)}};
}

bool is_guarded(const Endpoint& endpoint) { return !is_open_to_all(endpoint.path); }

std::set<int> failures_of(const Endpoint& endpoint) {
    std::set<int> statuses(std::begin(kOfAll), std::end(kOfAll));
    if (is_guarded(endpoint)) statuses.insert(401);
    if (endpoint.operation.body != nullptr) statuses.insert(std::begin(kOfBodies), std::end(kOfBodies));
    if (endpoint.operation.uses_model) statuses.insert(std::begin(kOfModels), std::end(kOfModels));
    if (endpoint.path.find('{') != std::string_view::npos) statuses.insert(404);
    return statuses;
}

std::string_view path_parameter(std::string_view path) {
    const size_t brace = path.find('{');
    return brace == std::string_view::npos ? std::string_view()
                                           : path.substr(brace + 1, path.find('}') - brace - 1);
}

json::object operation_of(const Endpoint& endpoint) {
    const Operation& about = endpoint.operation;
    json::object out{
        {"operationId", text(about.id)}, {"tags", {text(about.tag)}}, {"summary", text(about.summary)}};
    if (!is_guarded(endpoint)) out["security"] = json::array();
    if (const std::string_view name = path_parameter(endpoint.path); !name.empty()) {
        out["parameters"] = json::array{
            {{"name", text(name)}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}}};
    }
    if (about.body != nullptr) out["requestBody"] = request_body(*about.body);
    json::object responses{{"200", success(about)}};
    for (const int status : failures_of(endpoint))
        responses[std::to_string(status)] = reference("responses", fmt::format("Failure{}", status));
    out["responses"] = std::move(responses);
    return out;
}

// One for each status of the error table, with the codes that come with it.
json::object failures() {
    std::map<int, std::set<std::string_view>> codes;
    std::set<int> with_retry;
    for (const WireError& error : all_wire_errors()) {
        codes[error.status].insert(error.code);
        if (error.retry_after_s > 0) with_retry.insert(error.status);
    }
    json::object out;
    for (const auto& [status, names] : codes) {
        json::object response{
            {"description", fmt::format("{}, code {}", reason_phrase(status), fmt::join(names, ", "))},
            {"content", content_of(kJson, reference("schemas", "Error"))}};
        if (with_retry.contains(status)) {
            response["headers"] = {
                {"Retry-After", {{"description", "Seconds to wait"}, {"schema", {{"type", "integer"}}}}}};
        }
        out[fmt::format("Failure{}", status)] = std::move(response);
    }
    return out;
}

json::object components(const json::object& paths) {
    json::object out = parsed(openapi_components().front().bytes()).as_object();
    const std::string used = json::serialize(paths);
    json::object responses;
    for (auto& [name, response] : failures()) {  // those of the transport alone belong to no operation
        if (used.find(fmt::format("/responses/{}\"", std::string_view(name.data(), name.size()))) !=
            std::string::npos)
            responses[name] = std::move(response);
    }
    out["responses"] = std::move(responses);
    return out;
}

}  // namespace

json::object openapi_schemas() {
    json::object all = parsed(openapi_components().front().bytes()).as_object();
    return std::move(all.at("schemas").as_object());
}

json::object openapi_schema_of(const RequestBody& body) { return request_schema(body); }

json::object openapi_document(std::string_view version) {
    json::object paths;
    for (const Endpoint& endpoint : endpoints()) {
        if (endpoint.websocket) continue;
        std::string method(endpoint.method);
        for (char& c : method) c = static_cast<char>(c | 0x20);
        json::value& path = paths[text(endpoint.path)];
        if (path.is_null()) path = json::object();
        path.as_object()[method] = operation_of(endpoint);
    }
    json::array tags;
    for (const auto& [name, about] : kTags)
        tags.push_back({{"name", text(name)}, {"description", text(about)}});
    json::object all = components(paths);
    return {
        {"openapi", "3.1.0"},
        {"info",
         {{"title", "Shimmy"},
          {"version", text(version)},
          {"description", "A local server for GGUF models. Every path works with /v1 before it and without."},
          {"license", {{"name", "MIT"}, {"identifier", "MIT"}}}}},
        {"servers",
         {{{"url", "http://127.0.0.1:11435/v1"}, {"description", "As OpenAI clients want it"}},
          {{"url", "http://127.0.0.1:11435"}, {"description", "The same without the prefix"}}}},
        {"security", {{{"bearer", json::array()}}, {{"api_key", json::array()}}}},
        {"tags", std::move(tags)},
        {"paths", std::move(paths)},
        {"components", std::move(all)}};
}

std::string openapi_yaml(std::string_view version) {
    return "# Made from the server's tables by `shimmy openapi`; a test holds it to the program.\n" +
           to_yaml(openapi_document(version));
}

}  // namespace shimmy
