#include "shimmy/api/openai_chat.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "shimmy/api/openai_tools.h"

namespace shimmy {

namespace json = boost::json;

namespace {

constexpr int64_t kTopLogprobsMax = 20;
constexpr int64_t kMaxTokensMax = std::numeric_limits<int32_t>::max();

constexpr UnsupportedField kUnsupported[] = {
    {"audio", "This server writes text only."},
};

constexpr std::string_view kEfforts[] = {"none", "minimal", "low", "medium", "high", "xhigh", "max"};

// Role as sent, role as templates know it.
constexpr std::pair<std::string_view, std::string_view> kRoles[] = {
    {"system", "system"},       {"developer", "system"}, {"user", "user"},
    {"assistant", "assistant"}, {"tool", "tool"},        {"function", "tool"},
};

// Content part type, and its field with the text.
constexpr std::pair<std::string_view, std::string_view> kTextParts[] = {
    {"text", "text"}, {"input_text", "text"}, {"output_text", "text"}, {"refusal", "refusal"}};

template <size_t N>
const std::pair<std::string_view, std::string_view>* find_pair(
    const std::pair<std::string_view, std::string_view> (&table)[N], std::string_view key) {
    const auto* found = std::ranges::find(table, key, &std::pair<std::string_view, std::string_view>::first);
    return found == std::end(table) ? nullptr : found;
}

base::Result<std::string> join_text_parts(const json::array& parts, const std::string& path) {
    std::string text;
    for (size_t i = 0; i < parts.size(); ++i) {
        const std::string part_path = fmt::format("{}[{}]", path, i);
        if (!parts[i].is_object())
            return std::unexpected(bad_type(part_path, "a content part (an object)", parts[i]));
        const Fields part(parts[i].get_object(), part_path);
        TRY(const auto type, part.string("type"));
        if (!type) return std::unexpected(missing(part.path_of("type"), "a content part needs a type."));
        const auto* row = find_pair(kTextParts, *type);
        if (row == nullptr) {
            return std::unexpected(unsupported_value(
                part.path_of("type"),
                fmt::format("is '{}'; this server reads parts of type 'text' only.", *type)));
        }
        TRY(const auto content, part.string(row->second));
        if (!content) return std::unexpected(missing(part.path_of(row->second), "the text of the part."));
        if (i > 0) text += '\n';
        text += *content;
    }
    return text;
}

base::Result<json::value> parse_content(const Fields& message, bool may_be_absent) {
    const json::value* content = message.find("content");
    if (content == nullptr) {
        if (may_be_absent) return json::value(nullptr);
        return std::unexpected(missing(message.path_of("content"), "a message needs a content."));
    }
    if (!content->is_array()) {
        return std::unexpected(
            bad_type(message.path_of("content"), "a string or an array of parts", *content));
    }
    TRY(std::string text, join_text_parts(content->get_array(), message.path_of("content")));
    return json::value(text);
}

base::Result<void> check_called(const Fields& function) {
    TRY(const auto name, function.string("name"));
    if (!name) return std::unexpected(missing(function.path_of("name"), "the function that was called."));
    const json::value* arguments = function.find("arguments");
    if (arguments == nullptr || arguments->is_string() || arguments->is_object()) return {};
    return std::unexpected(bad_type(function.path_of("arguments"), "JSON text", *arguments));
}

base::Result<void> check_call(const json::value& value, const std::string& path) {
    if (!value.is_object()) return std::unexpected(bad_type(path, "a tool call (an object)", value));
    const Fields call(value.get_object(), path);
    TRY([[maybe_unused]] const auto id, call.string("id"));
    TRY(const json::object* function, call.object("function"));
    if (function == nullptr) return {};  // of another type: the template's business
    return check_called(Fields(*function, call.path_of("function")));
}

// Before tools there were functions: one call a message, without an id, and a result of the role function.
base::Result<void> take_older_form(const Fields& message, json::object& out) {
    constexpr const char* kId = "call00000";  // nine letters and digits, as some templates insist
    TRY(const json::object* called, message.object("function_call"));
    if (called != nullptr && message.find("tool_calls") == nullptr) {
        TRY_VOID(check_called(Fields(*called, message.path_of("function_call"))));
        json::object call{{"id", kId}, {"type", "function"}, {"function", *called}};
        out["tool_calls"] = json::array{std::move(call)};
    }
    out.erase("function_call");
    TRY(const auto role, message.string("role"));
    if (role == "function" && message.find("tool_call_id") == nullptr) out["tool_call_id"] = kId;
    return {};
}

// What templates read beyond role and content.
base::Result<void> check_message_rest(const Fields& message) {
    for (const std::string_view key : {"name", "tool_call_id"}) {
        TRY([[maybe_unused]] const auto text, message.string(key));
    }
    TRY(const json::array* calls, message.array("tool_calls"));
    for (size_t i = 0; calls != nullptr && i < calls->size(); ++i) {
        TRY_VOID(check_call((*calls)[i], fmt::format("{}[{}]", message.path_of("tool_calls"), i)));
    }
    return {};
}

base::Result<json::value> parse_message(const json::value& value, const std::string& path) {
    if (!value.is_object()) return std::unexpected(bad_type(path, "a message (an object)", value));
    const Fields message(value.get_object(), path);
    TRY(const auto role, message.string("role"));
    if (!role) return std::unexpected(missing(message.path_of("role"), "a message needs a role."));
    const auto* known = find_pair(kRoles, *role);
    if (known == nullptr) {
        return std::unexpected(
            bad_value(message.path_of("role"),
                      fmt::format("is '{}'; it must be system, developer, user, assistant or tool.", *role)));
    }
    TRY_VOID(check_message_rest(message));
    json::object out = value.get_object();  // name, tool_calls, tool_call_id … are the template's business
    TRY_VOID(take_older_form(message, out));
    // A string, as nearly all of them are, is there already; long conversations have thousands of them.
    if (const json::value* content = message.find("content"); content == nullptr || !content->is_string()) {
        TRY(out["content"], parse_content(message, known->second == "assistant"));
    }
    if (known->first != known->second)
        out["role"] = json::string_view(known->second.data(), known->second.size());
    return out;
}

base::Result<json::array> parse_messages(const Fields& fields) {
    TRY(const json::array* messages, fields.array("messages"));
    if (messages == nullptr) return std::unexpected(missing("messages", "send at least one message."));
    if (messages->empty())
        return std::unexpected(bad_value("messages", "is empty; send at least one message."));
    json::array out;
    out.reserve(messages->size());
    for (size_t i = 0; i < messages->size(); ++i) {
        TRY(json::value message, parse_message((*messages)[i], fmt::format("messages[{}]", i)));
        out.push_back(std::move(message));
    }
    return out;
}

base::Result<void> parse_template_args(const Fields& fields, json::object& args) {
    TRY(const json::object* extra, fields.object("chat_template_kwargs"));
    if (extra != nullptr) args = *extra;
    TRY(const auto effort, fields.string("reasoning_effort"));
    if (effort && !std::ranges::count(kEfforts, *effort)) {
        return std::unexpected(bad_value(
            "reasoning_effort",
            fmt::format("is '{}'; it must be none, minimal, low, medium, high, xhigh or max.", *effort)));
    }
    if (effort) args["reasoning_effort"] = json::string_view(effort->data(), effort->size());
    TRY(const auto thinking, fields.boolean("enable_thinking"));
    const bool switched_off = effort && *effort == "none";
    if ((thinking || switched_off) && !args.contains("enable_thinking")) {
        const bool thinks = thinking.value_or(true) && !switched_off;
        args["enable_thinking"] = thinks;
        args["thinking"] = thinks;  // as DeepSeek's and Granite's templates call it
    }
    TRY(const auto budget, fields.integer("thinking_budget", 0, kMaxTokensMax));
    if (budget) args["thinking_budget"] = *budget;
    return {};
}

base::Result<void> parse_logprobs(const Fields& fields, GenerateRequest& request) {
    TRY(const auto logprobs, fields.boolean("logprobs"));
    TRY(const auto top, fields.integer("top_logprobs", 0, kTopLogprobsMax));
    if (top && !logprobs.value_or(false)) {
        return std::unexpected(bad_value("top_logprobs", "is only allowed when 'logprobs' is true."));
    }
    if (logprobs.value_or(false)) request.top_logprobs = static_cast<int32_t>(top.value_or(0));
    return {};
}

}  // namespace

base::Result<OpenAiCall> parse_openai_chat(const json::object& body) {
    const Fields fields(body, "");
    TRY(OpenAiCall call, parse_openai_common(fields));
    TRY_VOID(refuse_unsupported(fields, kUnsupported));
    TRY_VOID(parse_logprobs(fields, call.request));
    TRY(const auto max_tokens, fields.integer("max_tokens", 1, kMaxTokensMax));
    TRY(const auto max_completion_tokens, fields.integer("max_completion_tokens", 1, kMaxTokensMax));
    call.request.max_tokens = static_cast<int32_t>(max_completion_tokens.value_or(max_tokens.value_or(-1)));
    TRY(call.request.truncate, parse_truncation(fields));
    ChatInput chat;
    TRY(chat.messages, parse_messages(fields));
    TRY(OpenAiTools tools, parse_openai_tools(fields));
    call.call_is_named = tools.is_named;
    call.calls_as_functions = tools.as_functions;
    chat.tools = std::move(tools.tools);
    chat.tool_choice = tools.choice;
    TRY(const auto reasoning_format, fields.string("reasoning_format"));
    chat.split_reasoning = reasoning_format.value_or("auto") != "none";
    TRY_VOID(parse_template_args(fields, chat.template_args));
    call.request.prompts.emplace_back(std::move(chat));
    return call;
}

}  // namespace shimmy
