#include "airframe/text/json_schema_document.h"

#include <algorithm>
#include <charconv>

#include "airframe/text/json_schema_keywords.h"
#include "airframe/text/json_schema_number.h"

namespace airframe::schema {
namespace {

using base::ErrorCode;
using base::fail;
using base::Result;
using Kind = Value::Kind;

std::string escaped(std::string_view token) {
    std::string out;
    for (const char c : token) {
        if (c == '~') {
            out += "~0";
        } else if (c == '/') {
            out += "~1";
        } else {
            out += c;
        }
    }
    return out;
}

std::string percent_decoded(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        unsigned value = 0;
        const bool coded =
            text[i] == '%' && i + 2 < text.size() &&
            std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3;
        out += coded ? static_cast<char>(value) : text[i];
        if (coded) i += 2;
    }
    return out;
}

std::string token_of(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '~' && i + 1 < text.size()) {
            out += text[++i] == '1' ? '/' : '~';
        } else {
            out += text[i];
        }
    }
    return out;
}

// RFC 3986, section 5.2, as far as references between schemas use it.
std::string resolve_uri(const std::string& base, const std::string& reference) {
    const size_t colon = reference.find_first_of(":/?#");
    if (colon != std::string::npos && colon > 0 && reference[colon] == ':') return reference;
    if (reference.empty()) return base;
    const size_t scheme = base.find(':');
    const size_t authority = base.find("://");
    const size_t host_end =
        authority == std::string::npos ? scheme + 1 : std::min(base.find('/', authority + 3), base.size());
    if (scheme == std::string::npos) return reference;
    if (reference[0] == '/') return base.substr(0, host_end) + reference;
    const size_t slash = base.rfind('/');
    const std::string folder = slash == std::string::npos || slash < host_end ? base.substr(0, host_end) + "/"
                                                                              : base.substr(0, slash + 1);
    return folder + reference;
}

bool is_names(const Value& value) {
    return value.is(Kind::kArray) &&
           std::ranges::all_of(value.items, [](const Value& v) { return v.is(Kind::kString); });
}

bool is_type(const Value& value) {
    constexpr std::string_view kTypes[] = {"null",   "boolean", "object", "array",
                                           "number", "string",  "integer"};
    const auto known = [&](const Value& v) {
        return v.is(Kind::kString) && std::ranges::find(kTypes, v.text) != std::end(kTypes);
    };
    return value.is(Kind::kArray) ? !value.items.empty() && std::ranges::all_of(value.items, known)
                                  : known(value);
}

// Null where the value has the form, else what it should be.
const char* misfit(Form form, const Value& value) {
    const bool schema = value.is(Kind::kObject) || value.is_bool();
    switch (form) {
        case Form::kSchema:
        case Form::kSchemaOrBool:
            return schema ? nullptr : "a schema";
        case Form::kSchemas:
            return value.is(Kind::kArray) && !value.items.empty() ? nullptr : "a list of schemas";
        case Form::kItems:
            return schema || value.is(Kind::kArray) ? nullptr : "a schema";
        case Form::kSchemaMap:
        case Form::kNamesMap:
        case Form::kDependencies:
            return value.is(Kind::kObject) ? nullptr : "an object";
        case Form::kCount:
            return count_of(value) ? nullptr : "a whole number from 0 to 4294967294";
        case Form::kNumber:
        case Form::kPositive:
            return value.is(Kind::kNumber) && (form == Form::kNumber || !value.text.starts_with('-'))
                       ? nullptr
                       : "a number";
        case Form::kString:
            return value.is(Kind::kString) ? nullptr : "a string";
        case Form::kNames:
            return is_names(value) ? nullptr : "a list of names";
        case Form::kList:
            return value.is(Kind::kArray) ? nullptr : "a list";
        case Form::kType:
            return is_type(value) ? nullptr : "a type or a list of types";
        case Form::kBool:
            return value.is_bool() ? nullptr : "true or false";
        case Form::kAnything:
            return nullptr;
    }
    return nullptr;
}

}  // namespace

std::optional<uint32_t> count_of(const Value& value) {
    if (!value.is(Kind::kNumber)) return std::nullopt;
    const auto decimal = parse_decimal(value.text);
    if (!decimal || decimal->negative || decimal->exponent > 10) return std::nullopt;
    const auto size = static_cast<int32_t>(decimal->digits.size());
    if (size > decimal->exponent && size > 0) return std::nullopt;
    uint64_t count = 0;
    for (int32_t i = 0; i < decimal->exponent; ++i)
        count = count * 10 +
                (i < size ? static_cast<uint64_t>(decimal->digits[static_cast<size_t>(i)] - '0') : 0);
    if (count >= UINT32_MAX) return std::nullopt;
    return static_cast<uint32_t>(count);
}

Result<std::unique_ptr<Document>> Document::read(Value schema, Budget& budget) {
    auto document = std::unique_ptr<Document>(new Document(budget));
    document->root_ = std::move(schema);
    if (!document->root_.is(Kind::kObject) && !document->root_.is_bool())
        return fail(ErrorCode::kInvalidArgument, "#: a schema is an object, true or false");
    TRY_VOID(document->index(document->root_, {"#", ""}));
    return document;
}

Result<void> Document::index(const Value& schema, const Place& outer) {
    Place place = outer;
    TRY_VOID(budget_.spend(10));
    if (places_.contains(&schema)) return {};
    const Value* id = schema.find("$id");
    if (id != nullptr && id->is(Kind::kString)) {
        const std::string text = id->text.substr(0, id->text.find('#'));
        place.base = resolve_uri(outer.base, text);
        names_.try_emplace(place.base, &schema);
    }
    if (&schema == &root_) names_.try_emplace(place.base, &schema);
    for (const char* anchor : {"$anchor", "$dynamicAnchor"})
        if (const Value* name = schema.find(anchor); name != nullptr && name->is(Kind::kString))
            names_.try_emplace(place.base + "#" + name->text, &schema);
    places_.emplace(&schema, place);
    for (const auto& [key, value] : schema.members) TRY_VOID(check_keyword(schema, key, value, place.path));
    TRY_VOID(check_bounds(schema, place.path));
    for (const auto& [key, value] : schema.members)
        if (const Keyword* keyword = find_keyword(key))
            TRY_VOID(index_children(value, static_cast<int>(keyword->form), place, key));
    return {};
}

Result<void> Document::index_children(const Value& value, int form, const Place& place,
                                      const std::string& key) {
    const std::string path = place.path + "/" + escaped(key);
    const auto is_schema = [](const Value& v) { return v.is(Kind::kObject) || v.is_bool(); };
    switch (static_cast<Form>(form)) {
        case Form::kSchema:
            return index(value, {path, place.base});
        case Form::kItems:
            if (is_schema(value)) return index(value, {path, place.base});
            [[fallthrough]];
        case Form::kSchemas:
            for (size_t i = 0; i < value.items.size(); ++i) {
                const Place inner{fmt::format("{}/{}", path, i), place.base};
                if (!is_schema(value.items[i]))
                    return fail(ErrorCode::kInvalidArgument, "{}: a schema is an object, true or false",
                                inner.path);
                TRY_VOID(index(value.items[i], inner));
            }
            return {};
        case Form::kSchemaMap:
        case Form::kDependencies:
            for (const auto& [name, child] : value.members) {
                const Place inner{path + "/" + escaped(name), place.base};
                if (static_cast<Form>(form) == Form::kDependencies && is_names(child)) continue;
                if (!is_schema(child))
                    return fail(ErrorCode::kInvalidArgument, "{}: a schema is an object, true or false",
                                inner.path);
                TRY_VOID(index(child, inner));
            }
            return {};
        default:
            return {};
    }
}

Result<void> Document::check_keyword(const Value& schema, const std::string& key, const Value& value,
                                     const std::string& path) {
    const Keyword* keyword = find_keyword(key);
    if (keyword == nullptr) return {};
    const std::string where = path + "/" + escaped(key);
    if (keyword->treatment == Treatment::kRefused)
        return fail(ErrorCode::kUnsupported, "{}: unsupported keyword '{}': {}", where, key, keyword->note);
    if (const char* need = misfit(keyword->form, value))
        return fail(ErrorCode::kInvalidArgument, "{}: {} is needed here", where, need);
    if (key.starts_with("exclusive") && !value.is(Kind::kNumber) && !value.is_bool())
        return fail(ErrorCode::kInvalidArgument, "{}: a number is needed here", where);
    if (key == "multipleOf" && parse_decimal(value.text) && parse_decimal(value.text)->digits.empty())
        return fail(ErrorCode::kInvalidArgument, "{}: a number above 0 is needed here", where);
    if (keyword->form == Form::kNamesMap)
        for (const auto& [name, names] : value.members)
            if (!is_names(names))
                return fail(ErrorCode::kInvalidArgument, "{}/{}: a list of names is needed here", where,
                            escaped(name));
    if (const Format* format = key == "format" ? find_format(value.text) : nullptr;
        format != nullptr && format->pattern.empty() && schema.is(Kind::kObject))
        return fail(ErrorCode::kUnsupported, "{}: unsupported format '{}' of keyword 'format'{}{}", where,
                    value.text, format->note.empty() ? "" : ": ", format->note);
    return {};
}

// Bounds of one schema that contradict each other are a mistake, wherever they stand.
Result<void> Document::check_bounds(const Value& schema, const std::string& path) {
    struct Pair {
        const char *low, *high;
    };
    for (const auto& [low, high] : {Pair{"minimum", "maximum"}, Pair{"minLength", "maxLength"},
                                    Pair{"minItems", "maxItems"}, Pair{"minProperties", "maxProperties"}}) {
        const Value *from = schema.find(low), *to = schema.find(high);
        if (from == nullptr || to == nullptr) continue;
        TRY(const Decimal a, parse_decimal(from->text));
        TRY(const Decimal b, parse_decimal(to->text));
        if (compare(a, b) > 0)
            return fail(ErrorCode::kInvalidArgument, "{}/{}: {} is above {} {}", path, low, from->text, high,
                        to->text);
    }
    return {};
}

std::string Document::path(const Value& schema) const {
    const auto it = places_.find(&schema);
    return it == places_.end() ? "#" : it->second.path;
}

base::Error Document::error_at(const Value& schema, std::string_view keyword,
                               const base::Error& error) const {
    base::Error out = error;
    if (!error.message.starts_with('#'))
        out.message =
            fmt::format("{}{}{}: {}", path(schema), keyword.empty() ? "" : "/", keyword, error.message);
    return out;
}

const Value* Document::follow(const Value& from, std::string_view pointer, Place& place) const {
    const Value* at = &from;
    while (!pointer.empty() && at != nullptr) {
        pointer.remove_prefix(1);
        const std::string_view raw = pointer.substr(0, pointer.find('/'));
        pointer.remove_prefix(raw.size());
        const std::string token = token_of(raw);
        place.path += "/" + escaped(token);
        if (at->is(Kind::kArray)) {
            size_t index = SIZE_MAX;
            std::from_chars(token.data(), token.data() + token.size(), index);
            at = index < at->items.size() ? &at->items[index] : nullptr;
        } else {
            at = at->find(token);
        }
        if (at != nullptr && places_.contains(at)) place = places_.at(at);
    }
    return at;
}

Result<const Value*> Document::resolve(const Value& from, const std::string& reference) {
    const auto known = places_.find(&from);
    const std::string base = known == places_.end() ? "" : known->second.base;
    const size_t hash = reference.find('#');
    const std::string uri = resolve_uri(base, reference.substr(0, hash));
    const std::string fragment = hash == std::string::npos ? "" : percent_decoded(reference.substr(hash + 1));
    const auto missing = [&](const char* why) {
        return fail(ErrorCode::kInvalidArgument, "{}/$ref: '{}' {}", path(from), reference, why);
    };
    const bool pointer = fragment.empty() || fragment[0] == '/';
    const auto resource = names_.find(pointer ? uri : uri + "#" + fragment);
    if (resource == names_.end())
        return missing("leads to nothing in this document; other documents are not read");
    if (!pointer || fragment.empty()) return resource->second;
    Place place = places_.at(resource->second);
    const Value* target = follow(*resource->second, fragment, place);
    if (target == nullptr) return missing("leads to nothing");
    if (!target->is(Kind::kObject) && !target->is_bool()) return missing("leads to what is no schema");
    TRY_VOID(index(*target, place));
    return target;
}

const Value& Document::keep_constant(const Value& value, const Value& owner) {
    return constant(made_.emplace_back(value), owner);
}

const Value& Document::constant(const Value& value, const Value& owner) {
    const auto [it, fresh] = constants_.try_emplace(&value, nullptr);
    if (fresh) {
        Value& schema = made_.emplace_back();
        schema.kind = Kind::kObject;
        schema.members.emplace_back("const", value);
        places_.emplace(&schema, Place{path(owner), ""});
        it->second = &schema;
    }
    return *it->second;
}

}  // namespace airframe::schema
