#include "shimmy/service/chat_plan.h"

#include <algorithm>
#include <random>
#include <utility>

#include "base/rng.h"
#include "shimmy/service/call_grammar.h"

namespace shimmy {

namespace json = boost::json;

namespace {

constexpr size_t kIdLength = 24, kShortIdLength = 9;
constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

const json::object* function_of(const json::value& tool) {
    const json::object* object = tool.if_object();
    const json::value* function = object == nullptr ? nullptr : object->if_contains("function");
    return function == nullptr ? nullptr : function->if_object();
}

ToolSchemas schemas_of(const json::array& tools) {
    ToolSchemas schemas;
    for (const json::value& tool : tools) {
        const json::object* function = function_of(tool);
        if (function == nullptr) continue;
        const json::value* parameters = function->if_contains("parameters");
        schemas.emplace(std::string(tool_name(tool)),
                        parameters == nullptr ? json::value(nullptr) : *parameters);
    }
    return schemas;
}

// What a template that knows no tools cannot say itself.
json::object told_tools(const json::array& tools, ToolChoice::Mode mode) {
    std::string text = "You can call these tools:\n";
    for (const json::value& tool : tools) {
        text += json::serialize(*function_of(tool));
        text += '\n';
    }
    text += mode == ToolChoice::Mode::kRequired ? "Call one of them. " : "To call one, ";
    text += R"(answer with nothing but JSON: {"name": "the tool's name", "arguments": {…}})";
    return {{"role", "system"}, {"content", text}};
}

// Where the format cannot write the arguments, JSON of no format in particular takes its place.
CallDemand demanded_calls(const ChatInput& chat, const ChatFormat*& format) {
    CallDemand calls{.parallel = chat.tool_choice.parallel, .tools = chat.tools};
    if (chat.tools.empty()) return calls;
    calls.required = chat.tool_choice.mode == ToolChoice::Mode::kRequired;
    if (calls.required) {
        calls.wanted = true;
        if (!can_write(format->writing, chat.tools, true)) format = &generic_chat_format();
        return calls;
    }
    calls.wanted = std::ranges::any_of(chat.tools, is_strict);
    return calls;
}

bool ends_with_open_thoughts(std::string_view prompt, const ThinkMarks& think) {
    if (think.begin.empty()) return false;
    const size_t end = prompt.find_last_not_of(" \t\r\n");
    return end != std::string_view::npos && prompt.substr(0, end + 1).ends_with(think.begin);
}

}  // namespace

std::string_view tool_name(const json::value& tool) {
    const json::object* function = function_of(tool);
    const json::value* name = function == nullptr ? nullptr : function->if_contains("name");
    return name != nullptr && name->is_string() ? std::string_view(name->get_string()) : std::string_view();
}

std::string new_call_id(bool is_short) {
    thread_local base::Rng rng((uint64_t{std::random_device{}()} << 32) ^ std::random_device{}());
    std::string id(is_short ? "" : "call_");
    const size_t length = is_short ? kShortIdLength : kIdLength;
    for (size_t i = 0; i < length; ++i) id += kAlphabet[rng.next_below(kAlphabet.size())];
    return id;
}

base::Result<ChatPlan> plan_chat(const LoadedModel& model, const ChatInput& chat) {
    if (!model.render_chat) {
        return base::fail(base::ErrorCode::kUnsupported,
                          "model '{}' has no chat template; send its prompt to /v1/completions instead",
                          model.id);
    }
    ChatTraits traits;
    if (model.chat_traits) {
        TRY(traits, model.chat_traits());
    }
    ChatInput shown = chat;
    if (!shown.tools.empty() && !traits.shows_tools) {
        shown.messages.insert(shown.messages.begin(), told_tools(chat.tools, chat.tool_choice.mode));
        shown.tools.clear();
    }
    auto rendered = model.render_chat(shown);
    if (!rendered) {
        if (rendered.error().param.empty()) rendered.error().param = "messages";
        return std::unexpected(std::move(rendered).error());
    }
    ChatPlan plan;
    plan.rendered = *std::move(rendered);
    const ChatFormat& family = chat_format_for(traits.source);
    ChatOutputOptions& output = plan.output;
    output.format = traits.shows_tools || family.channels ? &family : &generic_chat_format();
    plan.calls = demanded_calls(chat, output.format);
    output.think = think_marks_for(traits.source);
    output.split_reasoning = chat.split_reasoning;
    output.in_reasoning = ends_with_open_thoughts(plan.rendered.text, output.think);
    output.tools = schemas_of(chat.tools);
    output.parallel = chat.tool_choice.parallel;
    plan.marks = marks_of(*output.format, output.think, !output.tools.empty());
    return plan;
}

}  // namespace shimmy
