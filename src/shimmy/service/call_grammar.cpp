#include "shimmy/service/call_grammar.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "shimmy/service/answer_grammar.h"
#include "shimmy/service/argument_grammar.h"
#include "shimmy/service/json_scan.h"

namespace shimmy {

namespace json = boost::json;
using airframe::GrammarBuilder;
using airframe::NodeKey;
using std::string_view;
using Place = GrammarBuilder::Place;

namespace {

const json::object& function_of(const json::value& tool) { return tool.at("function").as_object(); }

bool is_strict(const json::value& tool) {
    const json::value* strict = function_of(tool).if_contains("strict");
    return strict != nullptr && strict->is_bool() && strict->get_bool();
}

// A string of JSON holds the name, or it stands as it is.
std::string written_name(const CallWriting& writing, string_view name) {
    if (!writing.before_name.ends_with('"') || writing.arguments != ArgumentSyntax::kJson)
        return std::string(name);
    const std::string quoted = quoted_json(name);
    return quoted.substr(1, quoted.size() - 2);
}

class CallsBuilder {
  public:
    CallsBuilder(GrammarBuilder& builder, const ChatPlan& plan, const Spell& spell)
        : builder_(builder), plan_(plan), writing_(plan.output.format->writing), spell_(spell) {}

    // A rule for a whole block of calls.
    base::Result<NodeKey> block(string_view opened) {
        std::vector<NodeKey> calls;
        for (const json::value& tool : plan_.calls.tools) {
            TRY(NodeKey call, one_call(tool));
            calls.push_back(call);
        }
        const Place begin = builder_.place(), after = builder_.place();
        const Place first = builder_.text(begin, spell_(writing_.prefix.substr(opened.size())));
        for (const NodeKey& call : calls) builder_.use(first, call, after);
        if (writing_.several && plan_.calls.parallel) {
            const Place again = builder_.text(after, spell_(writing_.separator));
            for (const NodeKey& call : calls) builder_.use(again, call, after);
        }
        builder_.accept(builder_.text(after, spell_(writing_.suffix)));
        return GrammarBuilder::rule(begin);
    }

  private:
    base::Result<NodeKey> one_call(const json::value& tool) {
        const string_view name = tool_name(tool);
        const Place begin = builder_.place(), end = builder_.place();
        const Place arguments =
            builder_.text(begin, spell_(std::string(writing_.before_name)) + written_name(writing_, name) +
                                     spell_(writing_.before_arguments));
        const json::value* schema = function_of(tool).if_contains("parameters");
        const bool any = !plan_.calls.required && !is_strict(tool);
        auto rule = add_arguments(builder_, writing_, any ? nullptr : schema, spell_);
        if (!rule) {
            auto error = grammar_error(std::move(rule).error(), "tools", true);
            error.message = fmt::format("The parameters of function '{}': {}", name, error.message);
            return std::unexpected(std::move(error));
        }
        builder_.use(arguments, *rule, end);
        builder_.accept(builder_.text(end, spell_(writing_.after)));
        return GrammarBuilder::rule(begin);
    }

    GrammarBuilder& builder_;
    const ChatPlan& plan_;
    const CallWriting& writing_;
    const Spell& spell_;
};

}  // namespace

bool can_write(const CallWriting& writing, const json::array& tools) {
    if (writing.arguments == ArgumentSyntax::kJson) return true;
    return std::ranges::all_of(tools, [&](const json::value& tool) {
        return has_plain_parameters(function_of(tool).if_contains("parameters"), writing.arguments);
    });
}

string_view opening_mark(const ChatFormat& format) {
    const std::vector<string_view> marks = marks_of(format, {}, true);
    const auto begins = [&](string_view mark) { return format.writing.prefix.starts_with(mark); };
    const auto mark = std::ranges::find_if(marks, begins);
    return mark == marks.end() ? string_view() : *mark;
}

bool any_is_strict(const json::array& tools) { return std::ranges::any_of(tools, is_strict); }

base::Result<void> add_call_block(GrammarBuilder& builder, Place from, Place to, const ChatPlan& plan,
                                  const Spell& spell) {
    TRY(const NodeKey block, CallsBuilder(builder, plan, spell).block(""));
    builder.use(from, block, to);
    return {};
}

base::Result<void> add_calls(GrammarBuilder& builder, Place from, const ChatPlan& plan, const Spell& spell) {
    const Place end = builder.place();
    builder.accept(end);
    if (plan.calls.required) return add_call_block(builder, from, end, plan, spell);
    // Text without the mark, and behind each mark calls.
    const string_view mark = opening_mark(*plan.output.format);
    TRY(const NodeKey block, CallsBuilder(builder, plan, spell).block(mark));
    const Place opened = builder.place();
    builder.until(from, spell(mark), opened, true);
    builder.use(opened, block, plan.calls.parallel ? from : end);
    for (const string_view thought : {plan.output.think.begin, plan.output.think.end}) {
        const std::string written = spell(thought);
        if (written != thought) builder.text(from, written, from);  // a control token, which text excludes
    }
    return {};
}

}  // namespace shimmy
