#include "shimmy/service/argument_grammar.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace shimmy {

namespace json = boost::json;
using airframe::Dfa;
using airframe::DfaOp;
using airframe::GrammarBuilder;
using airframe::GrammarPtr;
using airframe::NodeKey;
using std::string_view;
using Place = GrammarBuilder::Place;

namespace {

// Of a schema's root, in which parameters can be taken one by one.
constexpr string_view kPlainKeys[] = {"type",     "properties",  "required", "additionalProperties",
                                      "$defs",    "definitions", "title",    "description",
                                      "examples", "$schema",     "default",  "$comment"};

// What is_plain_key() and is_identifier() say of any name.
constexpr string_view kAnyKey = "[^\\x00-\\x20<>\"']+", kAnyKeyword = "[A-Za-z0-9_]+";

bool is_identifier(string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
    });
}

// Between marks a key stands as it is: nothing of it may be taken for a mark or be trimmed away.
bool is_plain_key(string_view key) {
    return !key.empty() && std::ranges::all_of(key, [](char c) {
        return static_cast<unsigned char>(c) > ' ' && c != '<' && c != '>' && c != '"' && c != '\'';
    });
}

struct Parameter {
    std::string name;
    json::value schema;
    bool required = false;
};

std::vector<Parameter> parameters_of(const json::value* schema) {
    std::vector<Parameter> out;
    const json::object* root = schema == nullptr ? nullptr : schema->if_object();
    const json::value* properties = root == nullptr ? nullptr : root->if_contains("properties");
    if (properties != nullptr && properties->is_object())
        for (const auto& [key, value] : properties->get_object())
            out.push_back({std::string(key), value, false});
    const json::value* required = root == nullptr ? nullptr : root->if_contains("required");
    if (required == nullptr || !required->is_array()) return out;
    for (const json::value& each : required->get_array()) {
        if (!each.is_string()) continue;
        const auto found = std::ranges::find(out, string_view(each.get_string()), &Parameter::name);
        if (found != out.end())
            found->required = true;
        else
            out.push_back({std::string(each.get_string()), json::value(true), true});
    }
    return out;
}

bool is_text(const json::value& schema) {
    const json::value* type = schema.is_object() ? schema.get_object().if_contains("type") : nullptr;
    return type != nullptr && type->is_string() && type->get_string() == "string";
}

// A parameter's schema with the definitions that it may refer to.
base::Result<GrammarPtr> compile_parameter(const json::value* root, const Parameter& parameter) {
    json::object schema;
    for (const char* key : {"$defs", "definitions"})
        if (root != nullptr && root->is_object() && root->get_object().contains(key))
            schema[key] = root->get_object().at(key);
    schema["allOf"] = json::array{parameter.schema};
    auto compiled = airframe::compile_json_schema(json::serialize(schema));
    if (compiled) return compiled;
    base::Error error = std::move(compiled).error();
    constexpr string_view kInside = "#/allOf/0";
    if (error.message.starts_with(kInside))
        error.message =
            fmt::format("#/properties/{}{}", parameter.name, error.message.substr(kInside.size()));
    return std::unexpected(std::move(error));
}

// All texts in which `mark` (ASCII, no end of which it begins with) does not occur.
Dfa texts_without(string_view mark) {
    constexpr char32_t kSurrogates = 0xD800, kBehindSurrogates = 0xE000, kLast = 0x10FFFF;
    Dfa dfa;
    std::string letters(mark);
    std::ranges::sort(letters);
    letters.erase(std::ranges::unique(letters).begin(), letters.end());
    for (uint32_t seen = 0; seen < mark.size(); ++seen) {
        Dfa::State state{{}, true};
        char32_t next = 0;
        for (const char letter : letters) {
            const auto c = static_cast<char32_t>(letter);
            if (next < c) airframe::append_edge(state.edges, {next, c - 1, 0});
            const uint32_t target = letter == mark[seen] ? seen + 1 : letter == mark[0] ? 1 : 0;
            if (target < mark.size()) airframe::append_edge(state.edges, {c, c, target});
            next = c + 1;
        }
        airframe::append_edge(state.edges, {next, kSurrogates - 1, 0});
        airframe::append_edge(state.edges, {kBehindSurrogates, kLast, 0});
        dfa.states.push_back(std::move(state));
    }
    return dfa;
}

// The strings of a grammar as they stand, without quotes and escapes.
base::Result<NodeKey> add_raw_text(GrammarBuilder& builder, const airframe::Grammar& grammar,
                                   string_view end_mark) {
    airframe::Budget budget;
    const airframe::StringSet& strings = grammar.strings[grammar.values[grammar.start.rule].string];
    TRY(Dfa dfa, airframe::combine(grammar.dfas[strings.dfa], texts_without(end_mark), DfaOp::kAnd, budget));
    if (strings.min > 0 || strings.max != UINT32_MAX) {
        TRY(const Dfa length, airframe::text_of_length(strings.min, strings.max, budget));
        TRY(dfa, airframe::combine(dfa, length, DfaOp::kAnd, budget));
    }
    if (dfa.empty())
        return base::fail(base::ErrorCode::kInvalidArgument, "no text of it can stand before '{}'", end_mark);
    return builder.add(std::move(dfa));
}

class ParameterChain {
  public:
    ParameterChain(GrammarBuilder& builder, const CallWriting& writing,
                   const std::function<std::string(string_view)>& spell)
        : builder_(builder), writing_(writing), spell_(spell) {}

    // Of any names and values, any number of them.
    base::Result<NodeKey> add_any() {
        const bool python = writing_.arguments == ArgumentSyntax::kPython;
        TRY(const GrammarPtr name, airframe::compile_regex_grammar(python ? kAnyKeyword : kAnyKey));
        TRY(const GrammarPtr json, airframe::compile_json_schema("true"));
        const NodeKey key = builder_.add(*name), value = python ? builder_.add(*json, {.python = true})
                                                                : builder_.add(texts_without(end_mark()));
        const Place begin = builder_.place(), one = builder_.place();
        const Place named = builder_.place(), end = builder_.place();
        builder_.join(begin, one);
        builder_.use(builder_.text(one, spell_(writing_.key_begin)), key, named);
        builder_.use(builder_.text(named, spell_(writing_.value_begin)), value, end);
        const Place done = builder_.text(end, spell_(writing_.value_end));
        builder_.join(builder_.text(done, writing_.parameter_separator), one);
        builder_.accept(begin);
        builder_.accept(done);
        return GrammarBuilder::rule(begin);
    }
    // In the order as written, those that are not required left out or not.
    base::Result<NodeKey> add(const json::value* schema) {
        const std::vector<Parameter> all = parameters_of(schema);
        std::vector<NodeKey> rules;
        for (const Parameter& parameter : all) {
            TRY(const NodeKey rule, parameter_rule(schema, parameter));
            rules.push_back(rule);
        }
        const Place begin = builder_.place();
        std::vector<Place> behind(all.size());  // each parameter, or the separator after it
        for (Place& place : behind) place = builder_.place();
        for (size_t i = 0; i <= all.size(); ++i) {
            const Place at = i == 0 ? begin : behind[i - 1];
            const Place from = i == 0 ? at : builder_.text(at, writing_.parameter_separator);
            size_t next = i;
            for (; next < all.size(); ++next) {
                builder_.use(from, rules[next], behind[next]);
                if (all[next].required) break;
            }
            if (next == all.size()) builder_.accept(at);
        }
        return GrammarBuilder::rule(begin);
    }

  private:
    string_view end_mark() const {
        const size_t mark = writing_.value_end.find('<');
        return writing_.value_end.substr(mark, writing_.value_end.find('>') + 1 - mark);
    }
    base::Result<NodeKey> parameter_rule(const json::value* root, const Parameter& parameter) {
        TRY(const GrammarPtr grammar, compile_parameter(root, parameter));
        const Place begin = builder_.place(), end = builder_.place();
        const Place value =
            builder_.text(begin, spell_(writing_.key_begin) + parameter.name + spell_(writing_.value_begin));
        NodeKey rule;
        if (writing_.arguments == ArgumentSyntax::kParameters && is_text(parameter.schema)) {
            TRY(rule, add_raw_text(builder_, *grammar, end_mark()));
        } else {
            rule = builder_.add(*grammar, {.python = writing_.arguments == ArgumentSyntax::kPython});
        }
        builder_.use(value, rule, end);
        builder_.accept(builder_.text(end, spell_(writing_.value_end)));
        return GrammarBuilder::rule(begin);
    }

    GrammarBuilder& builder_;
    const CallWriting& writing_;
    const std::function<std::string(string_view)>& spell_;
};

}  // namespace

bool has_plain_parameters(const json::value* schema, ArgumentSyntax syntax) {
    if (schema == nullptr || schema->is_null()) return true;
    const json::object* root = schema->if_object();
    if (root == nullptr) return false;
    for (const auto& [key, value] : *root)
        if (std::ranges::find(kPlainKeys, string_view(key)) == std::end(kPlainKeys)) return false;
    const auto writable = syntax == ArgumentSyntax::kPython ? is_identifier : is_plain_key;
    return std::ranges::all_of(parameters_of(schema),
                               [&](const Parameter& each) { return writable(each.name); });
}

base::Result<NodeKey> add_arguments(GrammarBuilder& builder, const CallWriting& writing,
                                    const json::value* schema,
                                    const std::function<std::string(string_view)>& spell) {
    const bool is_any = schema == nullptr || schema->is_null();
    if (writing.arguments != ArgumentSyntax::kJson) {
        ParameterChain chain(builder, writing, spell);
        return is_any ? chain.add_any() : chain.add(schema);
    }
    if (is_any) {
        TRY(const GrammarPtr any, airframe::compile_json_object());
        return builder.add(*any);
    }
    TRY(const GrammarPtr grammar, airframe::compile_json_schema(json::serialize(*schema)));
    if (grammar->values[grammar->start.rule].objects.empty())
        return base::fail(base::ErrorCode::kInvalidArgument, "#: no object is valid, but arguments are one");
    return builder.add(*grammar, {.only_objects = true});
}

}  // namespace shimmy
