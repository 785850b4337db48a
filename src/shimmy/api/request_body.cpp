#include "shimmy/api/request_body.h"

#include <string>
#include <string_view>
#include <vector>

#include "shimmy/api/handlers.h"
#include "shimmy/api/json_read.h"
#include "shimmy/api/openapi.h"
#include "shimmy/store/closest_name.h"

namespace shimmy {

namespace json = boost::json;

namespace {

// Schemas of which a value may match any.
using Schemas = std::vector<const json::object*>;

constexpr std::string_view kReference = "#/components/schemas/";

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

class Walk {
  public:
    explicit Walk(const json::object& components) : components_(components) {}

    base::Result<void> check(const json::value& value, const Schemas& schemas,
                             const std::string& path) const {
        if (const json::object* object = value.if_object()) return check_object(*object, schemas, path);
        const json::array* list = value.if_array();
        if (list == nullptr) return {};
        const Schemas items = members(schemas, "items");
        for (size_t i = 0; i < list->size() && !items.empty(); ++i) {
            TRY_VOID(check((*list)[i], items, fmt::format("{}[{}]", path, i)));
        }
        return {};
    }

    // What a reference points to, and the branches of "anyOf".
    void expand(const json::value& value, Schemas& out) const {
        const json::object* schema = value.if_object();
        if (schema == nullptr) return;
        if (const json::value* reference = schema->if_contains("$ref")) {
            const std::string_view name = view(reference->as_string()).substr(kReference.size());
            return expand(components_.at(json::string_view(name.data(), name.size())), out);
        }
        out.push_back(schema);
        const json::value* branches = schema->if_contains("anyOf");
        if (branches == nullptr) return;
        for (const json::value& branch : branches->as_array()) expand(branch, out);
    }

  private:
    // What the schemas say below a keyword.
    Schemas members(const Schemas& schemas, const char* keyword) const {
        Schemas out;
        for (const json::object* schema : schemas)
            if (const json::value* member = schema->if_contains(keyword)) expand(*member, out);
        return out;
    }

    // Objects whose members no schema names may have any.
    base::Result<void> check_object(const json::object& object, const Schemas& schemas,
                                    const std::string& path) const {
        const Schemas properties = members(schemas, "properties");
        if (properties.empty()) return {};
        for (const auto& [key, value] : object) {
            if (value.is_null()) continue;
            const std::string name(key.data(), key.size());
            const std::string value_path = path.empty() ? name : fmt::format("{}.{}", path, name);
            Schemas of_value;
            for (const json::object* each : properties)
                if (const json::value* schema = each->if_contains(key)) expand(*schema, of_value);
            if (of_value.empty()) return unknown(name, value_path, properties);
            TRY_VOID(check(value, of_value, value_path));
        }
        return {};
    }

    static std::unexpected<base::Error> unknown(const std::string& name, const std::string& path,
                                                const Schemas& properties) {
        std::vector<std::string> known;
        for (const json::object* each : properties)
            for (const auto& [key, schema] : *each) known.emplace_back(key.data(), key.size());
        const auto closest = closest_names(name, known, 1);
        const std::string advice =
            closest.empty() ? "" : fmt::format("; did you mean '{}'?", closest.front());
        return std::unexpected(base::Error{base::ErrorCode::kInvalidArgument,
                                           fmt::format("'{}' is not a parameter that this server knows{}",
                                                       path, advice.empty() ? "." : advice),
                                           path, "unknown_parameter"});
    }

    const json::object& components_;
};

}  // namespace

KnownNames::KnownNames() : components_(openapi_schemas()) {
    for (const Endpoint& endpoint : endpoints())
        if (const RequestBody* body = endpoint.operation.body)
            schemas_.emplace(body, openapi_schema_of(*body));
}

base::Result<void> KnownNames::check(const json::object& body, const RequestBody& kind) const {
    const Walk walk(components_);
    Schemas schemas;
    walk.expand(schemas_.at(&kind), schemas);
    return walk.check(body, schemas, "");
}

base::Result<json::object> parse_body(ApiContext& context, const ApiRequest& request,
                                      bool model_is_optional) {
    TRY(json::object body, parse_json_object(request.http.body));
    if (!model_is_optional) return body;
    const json::value* model = body.if_contains("model");
    if (model == nullptr || model->is_null()) body["model"] = context.service.catalog().default_id();
    return body;
}

base::Result<void> check_names(const ApiContext& context, const ApiRequest& request,
                               const json::object& body) {
    if (!context.known_names || request.body_kind == nullptr) return {};
    return context.known_names->check(body, *request.body_kind);
}

}  // namespace shimmy
