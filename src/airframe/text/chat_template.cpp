// A model's conversation format: parsing, trying out, rendering. See chat_template.h.
#include "airframe/text/chat_template.h"

#include <fmt/chrono.h>

#include <ctime>

#include "airframe/text/chat_messages.h"
#include "airframe/text/chat_template_choice.h"
#include "base/clock.h"

namespace airframe {
namespace json = boost::json;
namespace {

// Enough for any honest template on the small conversations it is tried with.
constexpr int64_t kProbeStepsMax = 200'000;

struct SpecialVariable {
    const char* name;
    std::optional<TokenId> SpecialTokens::* token;
};
constexpr SpecialVariable kSpecialVariables[] = {
    {"bos_token", &SpecialTokens::bos},   {"eos_token", &SpecialTokens::eos},
    {"unk_token", &SpecialTokens::unk},   {"sep_token", &SpecialTokens::sep},
    {"pad_token", &SpecialTokens::pad},   {"cls_token", &SpecialTokens::cls},
    {"mask_token", &SpecialTokens::mask},
};

json::object special_variables(const Tokenizer& tokenizer) {
    json::object variables;
    for (const SpecialVariable& row : kSpecialVariables) {
        const auto id = tokenizer.special().*row.token;
        if (id) variables[row.name] = tokenizer.piece(*id);
    }
    // Templates add these to strings without asking.
    if (!variables.contains("bos_token")) variables["bos_token"] = "";
    if (!variables.contains("eos_token")) variables["eos_token"] = "";
    return variables;
}

json::object message(std::string_view role, json::value content) {
    return {{"role", role}, {"content", std::move(content)}};
}

json::object tool_call_message(json::value arguments, json::value content = "") {
    json::object function{{"name", "probe_tool"}, {"arguments", std::move(arguments)}};
    json::object call{{"id", "call00001"}, {"type", "function"}, {"function", std::move(function)}};
    json::object out = message("assistant", std::move(content));
    out["tool_calls"] = json::array{std::move(call)};
    return out;
}

// What templates for functions, which came before tools, ask for: their list as JSON text, and the time.
void add_older_variables(json::object& variables, const json::array& tools, int64_t now_seconds) {
    json::array functions;
    for (const json::value& tool : tools) {
        const json::object* object = tool.if_object();
        const json::value* function = object ? object->if_contains("function") : nullptr;
        if (function) functions.push_back(*function);
    }
    const auto now = static_cast<time_t>(now_seconds);
    variables["functions"] = json::serialize(functions);
    variables["datetime"] = fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::gmtime(now));
}

RenderOptions render_options() {
    RenderOptions options;
    options.lists_may_change = true;
    options.untrusted_variables.emplace_back("functions");
    return options;
}

bool shows(const base::Result<Rendered>& rendered, std::string_view needle) {
    return rendered && rendered->text.find(needle) != std::string::npos;
}

}  // namespace

base::Result<ChatTemplate> ChatTemplate::create(const Metadata& metadata, const Tokenizer& tokenizer,
                                                std::string_view override) {
    TRY(TemplateChoice choice, choose_chat_template(metadata, tokenizer, override));
    TRY(JinjaTemplate parsed, JinjaTemplate::parse(choice.source));
    ChatTemplate out({std::move(choice.source), std::move(parsed)});
    if (!choice.tool_use.empty()) {
        TRY(JinjaTemplate with_tools, JinjaTemplate::parse(choice.tool_use));
        out.tool_use_.push_back({std::move(choice.tool_use), std::move(with_tools)});
    }
    out.origin_ = std::move(choice.origin);
    out.warning_ = std::move(choice.warning);
    out.special_ = special_variables(tokenizer);
    out.find_abilities();
    return out;
}

const std::string& ChatTemplate::source(bool with_tools) const {
    return with_tools && !tool_use_.empty() ? tool_use_.front().source : main_.source;
}

base::Result<Rendered> ChatTemplate::render_as_is(const json::array& messages,
                                                  const ChatPrompt& prompt) const {
    json::object variables = special_;
    variables["tools"] = nullptr;
    variables["documents"] = nullptr;
    add_older_variables(variables, prompt.tools, prompt.now_seconds);
    for (const auto& [key, value] : prompt.extra) variables[key] = value;
    variables["messages"] = messages;
    if (!prompt.tools.empty()) variables["tools"] = prompt.tools;
    variables["add_generation_prompt"] = prompt.add_generation_prompt;
    RenderOptions options = render_options();
    options.now_unix_seconds = prompt.now_seconds;
    const bool with_tools = !prompt.tools.empty() && !tool_use_.empty();
    return (with_tools ? tool_use_.front() : main_).parsed.render(variables, options);
}

// ---- what the template can take

base::Result<Rendered> ChatTemplate::probe(json::array messages, json::array tools) const {
    json::object variables = special_;
    variables["documents"] = nullptr;
    variables["messages"] = std::move(messages);
    variables["add_generation_prompt"] = true;
    RenderOptions options = render_options();
    options.steps_max = kProbeStepsMax;
    const bool with_tools = !tools.empty();
    add_older_variables(variables, tools, 0);
    variables["tools"] = with_tools ? json::value(std::move(tools)) : json::value(nullptr);
    return (with_tools && !tool_use_.empty() ? tool_use_.front() : main_).parsed.render(variables, options);
}

void ChatTemplate::find_abilities() {
    const json::object user = message("user", "user-probe");
    const json::object parts =
        message("user", json::array{json::object{{"type", "text"}, {"text", "user-probe"}}});
    const json::object system = message("system", "system-probe");
    const json::array tools{json::object{
        {"type", "function"},
        {"function",
         json::object{{"name", "probe_tool"},
                      {"description", "A tool."},
                      {"parameters", json::object{{"type", "object"}, {"properties", json::object{}}}}}}}};

    abilities_.text_content = shows(probe({user}), "user-probe");
    const auto from_parts = probe({parts});
    abilities_.content_parts =
        shows(from_parts, "user-probe") && !shows(from_parts, "'text'") && !shows(from_parts, "\"text\"");
    const bool wants_parts = abilities_.content_parts && !abilities_.text_content;
    const json::object& plain = wants_parts ? parts : user;
    abilities_.system_role = shows(probe({system, plain}), "system-probe");
    abilities_.tools = shows(probe({plain}, tools), "probe_tool");

    const auto called = [&](json::value arguments) {
        return probe({plain, tool_call_message(std::move(arguments)), plain}, tools);
    };
    const auto as_object = called(json::object{{"probe_argument", "probe-value"}});
    const auto as_text = called("{\"probe_argument\": \"probe-value\"}");
    const auto shows_argument = [](const base::Result<Rendered>& rendered) {
        return shows(rendered, "probe-value") && !shows(rendered, "\\\"probe_argument");
    };
    abilities_.tool_calls = shows(as_object, "probe-value") || shows(as_text, "probe-value");
    abilities_.object_arguments = shows_argument(as_object) && !shows(as_object, "'probe_argument'");
    if (!abilities_.object_arguments && !shows_argument(as_text)) {
        abilities_.object_arguments = shows_argument(as_object);
    }
    find_tool_abilities(plain, tools);
}

void ChatTemplate::find_tool_abilities(const json::object& user, const json::array& tools) {
    const json::value arguments =
        abilities_.object_arguments ? json::value(json::object()) : json::value("{}");
    json::object result = message("tool", "tool-probe");
    result["tool_call_id"] = "call00001";
    result["name"] = "probe_tool";
    abilities_.tool_results = shows(probe({user, tool_call_message(arguments), result}, tools), "tool-probe");
    const auto without_content = probe({user, tool_call_message(arguments, nullptr), user}, tools);
    abilities_.null_content = without_content && !shows(without_content, "None");
}

// ---- rendering

json::array ChatTemplate::adapted(const json::array& messages) const {
    json::array out = abilities_.system_role ? messages : merge_system(messages);
    for (json::value& value : out) {
        json::object* object = value.if_object();
        if (!object) continue;
        if (!abilities_.content_parts)
            join_content_parts(*object);
        else if (!abilities_.text_content)
            split_content(*object);
        if (abilities_.object_arguments)
            arguments_to_objects(*object);
        else
            arguments_to_text(*object);
        if (!abilities_.tool_calls) calls_to_text(*object);
        if (!abilities_.tool_results) result_to_user(*object);
        if (!abilities_.null_content) null_to_empty(*object);
    }
    return out;
}

base::Result<Rendered> ChatTemplate::render(const ChatPrompt& prompt) const {
    const json::array messages = adapted(prompt.messages);
    auto rendered = render_as_is(messages, prompt);
    // A template that insists on an order of roles gets one: the same text in fewer turns.
    for (const auto merge : {merge_neighbours, merge_system}) {
        if (rendered || rendered.error().detail != "raised") break;
        const json::array merged = merge_neighbours(adapted(merge(prompt.messages)));
        if (merged == messages) continue;
        if (auto retried = render_as_is(merged, prompt)) rendered = std::move(retried);
    }
    return rendered;
}

int64_t local_seconds() {
    const time_t now = static_cast<time_t>(base::unix_seconds());
    tm parts{};
    if (!localtime_r(&now, &parts)) return now;
    return static_cast<int64_t>(now) + parts.tm_gmtoff;
}

}  // namespace airframe
