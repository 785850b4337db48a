#include "shimmy/api/openai_constraint.h"

#include <utility>

namespace shimmy {

namespace json = boost::json;

namespace {

using Kind = Constraint::Kind;
using Found = base::Result<std::optional<Constraint>>;

Constraint of_schema(const json::value& schema) {
    return {.kind = Kind::kJsonSchema, .text = json::serialize(schema)};
}

base::Result<const json::value*> schema_in(const Fields& fields, std::string_view key) {
    const json::value* schema = fields.find(key);
    if (schema != nullptr && !schema->is_object() && !schema->is_bool())
        return std::unexpected(bad_type(fields.path_of(key), "a JSON schema (an object)", *schema));
    return schema;
}

Found of_response_format(const Fields& fields, std::string_view key) {
    TRY(const json::object* object, fields.object(key));
    if (object == nullptr) return std::nullopt;
    const Fields format(*object, fields.path_of(key));
    TRY(const auto type, format.string("type"));
    if (!type) return std::unexpected(missing(format.path_of("type"), "text, json_object or json_schema."));
    if (*type == "text") return std::nullopt;
    if (*type == "json_object") {
        TRY(const json::value* schema, schema_in(format, "schema"));
        return schema == nullptr ? Constraint{.kind = Kind::kJson} : of_schema(*schema);
    }
    if (*type != "json_schema") {
        return std::unexpected(
            bad_value(format.path_of("type"),
                      fmt::format("is '{}'; it must be text, json_object or json_schema.", *type)));
    }
    TRY(const json::object* inner, format.object("json_schema"));
    const Fields named(inner == nullptr ? *object : *inner,
                       inner == nullptr ? fields.path_of(key) : format.path_of("json_schema"));
    TRY([[maybe_unused]] const auto name, named.string("name"));
    TRY([[maybe_unused]] const auto strict, named.boolean("strict"));
    TRY(const json::value* schema, schema_in(named, "schema"));
    if (schema == nullptr) {
        const std::string path = inner == nullptr ? format.path_of("json_schema") : named.path_of("schema");
        return std::unexpected(missing(path, "the schema that the answer must match."));
    }
    return of_schema(*schema);
}

Found of_schema_field(const Fields& fields, std::string_view key) {
    TRY(const json::value* schema, schema_in(fields, key));
    return schema == nullptr ? std::optional<Constraint>() : of_schema(*schema);
}

template <Kind kKind>
Found of_text(const Fields& fields, std::string_view key) {
    TRY(const auto text, fields.string(key));
    if (!text || text->empty()) return std::nullopt;
    return Constraint{.kind = kKind, .text = std::string(*text)};
}

Found of_choice(const Fields& fields, std::string_view key) {
    TRY(const json::array* list, fields.array(key));
    if (list == nullptr) return std::nullopt;
    Constraint constraint{.kind = Kind::kChoice};
    for (size_t i = 0; i < list->size(); ++i) {
        if (!(*list)[i].is_string())
            return std::unexpected(bad_type(fmt::format("{}[{}]", key, i), "a string", (*list)[i]));
        constraint.choices.emplace_back((*list)[i].get_string());
    }
    if (constraint.choices.empty()) return std::unexpected(bad_value(std::string(key), "is empty."));
    return constraint;
}

struct Row {
    std::string_view key;
    Found (*parse)(const Fields& fields, std::string_view key);
};
constexpr Row kRows[] = {
    {"response_format", of_response_format},
    {"json_schema", of_schema_field},
    {"guided_json", of_schema_field},
    {"grammar", of_text<Kind::kGbnf>},
    {"guided_grammar", of_text<Kind::kGbnf>},
    {"guided_regex", of_text<Kind::kRegex>},
    {"guided_choice", of_choice},
};

}  // namespace

base::Result<std::optional<Constraint>> parse_constraint(const Fields& fields) {
    std::optional<Constraint> found;
    std::string_view first;
    for (const Row& row : kRows) {
        TRY(std::optional<Constraint> constraint, row.parse(fields, row.key));
        if (!constraint) continue;
        if (found) {
            return std::unexpected(
                bad_value(std::string(row.key), fmt::format("cannot be combined with '{}'.", first)));
        }
        found = std::move(constraint);
        found->param = row.key;
        first = row.key;
    }
    return found;
}

}  // namespace shimmy
