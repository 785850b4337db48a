#include "shimmy/api/openai_tools.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "shimmy/service/chat_plan.h"

namespace shimmy {

namespace json = boost::json;

namespace {

constexpr size_t kToolsMax = 1024;
constexpr size_t kNameBytesMax = 128;

base::Result<void> check_function(const json::object& function, const std::string& path) {
    const Fields fields(function, path);
    TRY(const auto name, fields.string("name"));
    if (!name || name->empty())
        return std::unexpected(missing(fields.path_of("name"), "a function needs a name."));
    const auto is_plain = [](unsigned char c) {
        return c > ' ' && c != '"' && c != '<' && c != '>' && c != 127;
    };
    if (name->size() > kNameBytesMax || !std::ranges::all_of(*name, is_plain)) {
        return std::unexpected(
            bad_value(fields.path_of("name"),
                      "must be a name without spaces, quotes and angle brackets, at most 128 "
                      "bytes long."));
    }
    TRY([[maybe_unused]] const auto description, fields.string("description"));
    TRY([[maybe_unused]] const auto* parameters, fields.object("parameters"));
    TRY([[maybe_unused]] const auto strict, fields.boolean("strict"));
    return {};
}

base::Result<void> add_tool(const json::value& value, const std::string& path, json::array& out) {
    if (!value.is_object()) return std::unexpected(bad_type(path, "a tool (an object)", value));
    const Fields tool(value.get_object(), path);
    TRY(const auto type, tool.string("type"));
    if (!type)
        return std::unexpected(missing(tool.path_of("type"), "'function' is the kind this server knows."));
    if (*type != "function") return {};
    TRY(const json::object* function, tool.object("function"));
    if (function == nullptr) return std::unexpected(missing(tool.path_of("function"), "what the tool is."));
    TRY_VOID(check_function(*function, tool.path_of("function")));
    out.push_back(value);
    return {};
}

base::Result<json::array> parse_tools(const Fields& fields) {
    json::array out;
    TRY(const json::array* tools, fields.array("tools"));
    const size_t count = tools == nullptr ? 0 : tools->size();
    if (count > kToolsMax) {
        return std::unexpected(
            bad_value("tools", fmt::format("has {} entries; at most {} are allowed.", count, kToolsMax)));
    }
    for (size_t i = 0; i < count; ++i) {
        TRY_VOID(add_tool((*tools)[i], fmt::format("tools[{}]", i), out));
    }
    TRY(const json::array* functions, fields.array("functions"));
    for (size_t i = 0; functions != nullptr && i < functions->size(); ++i) {
        const std::string path = fmt::format("functions[{}]", i);
        const json::value& function = (*functions)[i];
        if (!function.is_object()) return std::unexpected(bad_type(path, "a function (an object)", function));
        TRY_VOID(check_function(function.get_object(), path));
        out.push_back(json::object{{"type", "function"}, {"function", function}});
    }
    return out;
}

// Keeps the tools with these names, in the request's order.
base::Result<void> keep_only(json::array& tools, const std::vector<std::string>& names,
                             const std::string& path) {
    for (const std::string& name : names) {
        const auto has_name = [&](const json::value& tool) { return tool_name(tool) == name; };
        if (std::ranges::none_of(tools, has_name)) {
            return std::unexpected(
                bad_value(path, fmt::format("names '{}', which is not one of 'tools'.", name)));
        }
    }
    json::array kept;
    for (json::value& tool : tools) {
        if (std::ranges::count(names, tool_name(tool)) > 0) kept.push_back(std::move(tool));
    }
    tools = std::move(kept);
    return {};
}

base::Result<void> apply_mode(std::string_view mode, const std::string& path, OpenAiTools& out) {
    if (mode == "none") {
        out.tools.clear();
    } else if (mode == "required" || mode == "any") {
        out.choice.mode = ToolChoice::Mode::kRequired;
        if (out.tools.empty())
            return std::unexpected(bad_value(path, "demands a call, but there are no 'tools'."));
    } else if (mode != "auto") {
        return std::unexpected(
            bad_value(path, fmt::format("is '{}'; it must be none, auto or required.", mode)));
    }
    return {};
}

base::Result<std::string> function_name(const Fields& choice) {
    TRY(const json::object* function, choice.object("function"));
    const json::object empty;
    const Fields inner(function == nullptr ? empty : *function, choice.path_of("function"));
    TRY(const auto nested, inner.string("name"));
    if (nested) return std::string(*nested);
    TRY(const auto flat, choice.string("name"));  // as the Responses API writes it
    if (!flat) return std::unexpected(missing(inner.path_of("name"), "the function to call."));
    return std::string(*flat);
}

base::Result<void> apply_allowed(const Fields& choice, OpenAiTools& out) {
    TRY(const json::object* nested, choice.object("allowed_tools"));
    const json::object empty;
    const Fields inner(nested == nullptr ? empty : *nested, choice.path_of("allowed_tools"));
    const Fields& from = nested == nullptr ? choice : inner;
    TRY(const json::array* tools, from.array("tools"));
    if (tools == nullptr)
        return std::unexpected(missing(from.path_of("tools"), "the tools that are allowed."));
    std::vector<std::string> names;
    for (size_t i = 0; i < tools->size(); ++i) {
        const std::string path = fmt::format("{}[{}]", from.path_of("tools"), i);
        if (!(*tools)[i].is_object())
            return std::unexpected(bad_type(path, "a tool (an object)", (*tools)[i]));
        TRY(std::string name, function_name(Fields((*tools)[i].get_object(), path)));
        names.push_back(std::move(name));
    }
    TRY_VOID(keep_only(out.tools, names, from.path_of("tools")));
    TRY(const auto mode, from.string("mode"));
    return apply_mode(mode.value_or("auto"), from.path_of("mode"), out);
}

base::Result<void> apply_choice(const json::value& value, const std::string& path, OpenAiTools& out) {
    if (value.is_string()) return apply_mode(std::string_view(value.get_string()), path, out);
    if (!value.is_object()) return std::unexpected(bad_type(path, "a string or an object", value));
    const Fields choice(value.get_object(), path);
    TRY(const auto type, choice.string("type"));
    if (type == "allowed_tools") return apply_allowed(choice, out);
    if (type.value_or("function") != "function") {
        return std::unexpected(bad_value(
            choice.path_of("type"), fmt::format("is '{}'; it must be function or allowed_tools.", *type)));
    }
    TRY(const std::string name, function_name(choice));
    TRY_VOID(keep_only(out.tools, {name}, path));
    out.is_named = true;
    out.choice = {.mode = ToolChoice::Mode::kRequired, .parallel = false};
    return {};
}

}  // namespace

base::Result<OpenAiTools> parse_openai_tools(const Fields& fields) {
    OpenAiTools out;
    TRY(out.tools, parse_tools(fields));
    TRY(const auto parallel, fields.boolean("parallel_tool_calls"));
    // The older form knows one call an answer.
    out.as_functions = fields.find("functions") != nullptr && fields.find("tools") == nullptr;
    out.choice.parallel = parallel.value_or(true) && !out.as_functions;
    const std::string_view key = fields.find("tool_choice") != nullptr ? "tool_choice" : "function_call";
    if (const json::value* choice = fields.find(key); choice != nullptr) {
        TRY_VOID(apply_choice(*choice, fields.path_of(key), out));
    }
    return out;
}

}  // namespace shimmy
