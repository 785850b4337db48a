#include "shimmy/service/call_rules.h"

#include <utility>

#include "shimmy/service/answer_grammar.h"
#include "shimmy/service/argument_grammar.h"
#include "shimmy/service/call_header.h"
#include "shimmy/service/json_scan.h"

namespace shimmy {

namespace json = boost::json;
using airframe::GrammarBuilder;
using airframe::GrammarPtr;
using airframe::NodeKey;
using std::string_view;
using Place = GrammarBuilder::Place;

namespace {

constexpr int kSpacesMax = 12;  // of indentation
constexpr int kDigitsMax = 4;
constexpr CallWriting kJsonArguments = {};

const json::object& function_of(const json::value& tool) { return tool.at("function").as_object(); }

// A line end or none, then indentation or none.
NodeKey make_spaces(GrammarBuilder& builder) {
    const Place begin = builder.place(), line = builder.text(begin, "\n");
    builder.accept(begin);
    builder.accept(line);
    Place at = builder.place();
    for (const Place from : {begin, line}) builder.text(from, " ", at);
    for (int i = 1; i < kSpacesMax; ++i) {
        builder.accept(at);
        at = builder.text(at, " ");
    }
    builder.accept(at);
    return GrammarBuilder::rule(begin);
}

}  // namespace

bool is_strict(const json::value& tool) {
    const json::value* strict = function_of(tool).if_contains("strict");
    return strict != nullptr && strict->is_bool() && strict->get_bool();
}

CallRules::CallRules(GrammarBuilder& builder, const ChatPlan& plan, const Spell& spell)
    : builder_(builder), spell_(spell), spaces_(make_spaces(builder)) {
    for (const json::value& tool : plan.calls.tools) {
        const bool held = plan.calls.required || is_strict(tool);
        const json::value* schema = held ? function_of(tool).if_contains("parameters") : nullptr;
        tools_.push_back({std::string(tool_name(tool)), schema, held, {}, {}, {}});
    }
}

Place CallRules::add_spaces(Place from) {
    const Place to = builder_.place();
    builder_.use(from, spaces_, to);
    return to;
}

bool CallRules::can_write(size_t i, const CallWriting& writing) const {
    return writing.arguments == ArgumentSyntax::kJson ||
           has_plain_parameters(tools_[i].schema, writing.arguments);
}

CallRules::Rule CallRules::arguments_as(size_t i, const CallWriting& writing) {
    auto rule = add_arguments(builder_, writing, tools_[i].schema, spell_);
    if (rule) return rule;
    auto error = grammar_error(std::move(rule).error(), "tools", true);
    error.message = fmt::format("The parameters of function '{}': {}", name(i), error.message);
    return std::unexpected(std::move(error));
}

CallRules::Rule CallRules::arguments(size_t i) {
    if (!tools_[i].arguments) {
        TRY(tools_[i].arguments, arguments_as(i, kJsonArguments));
    }
    return *tools_[i].arguments;
}

// A string of JSON holds the name, or it stands as it is.
std::string CallRules::written_name(size_t i, const CallWriting& writing) const {
    if (!writing.before_name.ends_with('"') || writing.arguments != ArgumentSyntax::kJson) return name(i);
    const std::string quoted = quoted_json(name(i));
    return quoted.substr(1, quoted.size() - 2);
}

CallRules::Rule CallRules::call(size_t i, const CallWriting& writing, size_t begun) {
    const Place begin = builder_.place(), end = builder_.place();
    Place at = builder_.text(begin, spell_(writing.before_name.substr(begun)) + written_name(i, writing));
    if (!writing.before_number.empty()) at = add_number(builder_.text(at, writing.before_number));
    TRY(const NodeKey rest, call_rest(i, writing));
    builder_.use(builder_.text(at, spell_(writing.before_arguments)), rest, end);
    builder_.accept(end);
    return GrammarBuilder::rule(begin);
}

CallRules::Rule CallRules::call_rest(size_t i, const CallWriting& writing) {
    const Place begin = builder_.place(), end = builder_.place();
    TRY(const NodeKey rule,
        writing.arguments == ArgumentSyntax::kJson ? arguments(i) : arguments_as(i, writing));
    builder_.use(begin, rule, end);
    builder_.accept(builder_.text(end, spell_(writing.after)));
    return GrammarBuilder::rule(begin);
}

Place CallRules::add_number(Place from) {
    const Place to = builder_.place();
    for (int i = 0; i < kDigitsMax; ++i) {
        const Place next = builder_.place();
        builder_.bytes(from, '0', '9', next);
        builder_.join(next, to);
        from = next;
    }
    return to;
}

template <size_t N>
Place CallRules::add_key(Place from, const string_view (&keys)[N]) {
    const Place behind = builder_.place();
    for (const string_view key : keys) builder_.text(from, quoted_json(key), behind);
    return add_spaces(builder_.text(add_spaces(behind), ":"));
}

// Another member, as {"type": "function"}; the place behind it and the white space there.
base::Result<Place> CallRules::add_member(Place from) {
    if (!scalar_) {
        TRY(const GrammarPtr grammar,
            airframe::compile_json_schema(R"({"type": ["string", "integer", "null"]})"));
        scalar_ = builder_.add(*grammar);
    }
    const Place behind = builder_.place();
    builder_.use(add_key(from, kOtherCallKeys), *scalar_, behind);
    return add_spaces(behind);
}

CallRules::Rule CallRules::object_rest(size_t i) {
    if (tools_[i].object_rest) return *tools_[i].object_rest;
    const Place begin = builder_.place(), behind = builder_.place();
    const Place key = add_spaces(builder_.text(add_spaces(begin), ","));
    TRY(const NodeKey rule, arguments(i));
    builder_.use(add_key(key, kCallArgumentKeys), rule, behind);
    const Place end = add_spaces(behind);
    TRY(const Place member, add_member(add_spaces(builder_.text(end, ","))));
    builder_.join(member, end);
    builder_.accept(builder_.text(end, "}"));
    tools_[i].object_rest = GrammarBuilder::rule(begin);
    return *tools_[i].object_rest;
}

CallRules::Rule CallRules::object(size_t i) {
    if (tools_[i].object) return *tools_[i].object;
    const Place begin = builder_.place(), end = builder_.place();
    const Place first = add_spaces(builder_.text(begin, "{"));
    TRY(const Place member, add_member(first));
    const Place second = add_spaces(builder_.text(member, ","));
    TRY(const NodeKey rest, object_rest(i));
    for (const Place at : {first, second})
        builder_.use(builder_.text(add_key(at, kCallNameKeys), quoted_json(name(i))), rest, end);
    builder_.accept(end);
    tools_[i].object = GrammarBuilder::rule(begin);
    return *tools_[i].object;
}

}  // namespace shimmy
