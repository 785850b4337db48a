// shimmy template: what a model is sent for a conversation, to see it before it is sent; --jsonl is the door
// for checking, which renders any template with exactly the variables it is given.
#include <boost/json.hpp>

#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>

#include "airframe/text/chat_template.h"
#include "base/system.h"
#include "base/utf8.h"
#include "shimmy/app/command.h"
#include "shimmy/app/json_text.h"
#include "shimmy/app/models.h"

namespace shimmy {
namespace json = boost::json;

using airframe::ChatTemplate;
using airframe::JinjaTemplate;
using airframe::Rendered;
using airframe::Tokenizer;
using base::ErrorCode;
using base::fail;
using base::Result;

namespace {

constexpr size_t kJsonDepthMax = 200;

struct TemplateOptions {
    std::string model;
    std::string messages_path, tools_path, extra, chat_template;
    bool no_generation_prompt = false;
    bool source = false;
    bool ids = false;
    bool as_json = false;
    bool jsonl = false;
};

Result<json::value> parse_json(std::string_view text, std::string_view what) {
    json::parse_options options;
    options.max_depth = kJsonDepthMax;
    boost::system::error_code error;
    json::value value = json::parse(text, error, {}, options);
    if (error) return fail(ErrorCode::kInvalidArgument, "{}: no JSON: {}", what, error.message());
    return value;
}

// The list in a file, or under `key` of the object in it, so that a request's body will do; "-" is standard
// input.
Result<json::array> read_list(const std::string& path, std::string_view key) {
    std::string text;
    if (path == "-") {
        text.assign(std::istreambuf_iterator<char>(std::cin), {});
    } else {
        std::ifstream file(path, std::ios::binary);
        text.assign(std::istreambuf_iterator<char>(file), {});
        if (!file) return fail(ErrorCode::kNotFound, "cannot read {}", path);
    }
    TRY(json::value value, parse_json(text, path));
    if (json::object* object = value.if_object()) {
        const json::value* inner = object->if_contains(key);
        if (!inner) return fail(ErrorCode::kInvalidArgument, "{}: an object without \"{}\"", path, key);
        value = json::value(*inner);
    }
    if (!value.is_array()) return fail(ErrorCode::kInvalidArgument, "{}: {} must be a list", path, key);
    return value.get_array();
}

Result<airframe::ChatPrompt> read_prompt(const TemplateOptions& options) {
    airframe::ChatPrompt prompt;
    prompt.now_seconds = airframe::local_seconds();
    prompt.add_generation_prompt = !options.no_generation_prompt;
    if (options.messages_path.empty()) {
        prompt.messages.push_back(json::object{{"role", "user"}, {"content", "Hello!"}});
    } else {
        TRY(prompt.messages, read_list(options.messages_path, "messages"));
    }
    if (!options.tools_path.empty()) {
        TRY(prompt.tools, read_list(options.tools_path, "tools"));
    }
    if (!options.extra.empty()) {
        TRY(const json::value extra, parse_json(options.extra, "--extra"));
        if (!extra.is_object()) return fail(ErrorCode::kInvalidArgument, "--extra: a JSON object is needed");
        prompt.extra = extra.get_object();
    }
    return prompt;
}

json::object to_json(const Rendered& rendered, const ChatTemplate& chat,
                     const std::vector<airframe::TokenId>& ids) {
    json::array untrusted;
    for (const airframe::ByteRange& range : rendered.untrusted) {
        untrusted.push_back(json::array{range.begin, range.end});
    }
    return {{"template", chat.origin()},
            {"text", base::to_valid_utf8(rendered.text)},
            {"untrusted", std::move(untrusted)},
            {"ids", json::array(ids.begin(), ids.end())}};
}

Result<int> run_once(const TemplateOptions& options, const GlobalOptions& global) {
    TRY(const ModelEntry entry, resolve_model(options.model, global));
    TRY(const auto file, open_model(entry));
    TRY(const auto tokenizer, Tokenizer::create(file.metadata()));
    TRY(const auto chat, ChatTemplate::create(file.metadata(), *tokenizer, options.chat_template));
    fmt::print(stderr, "template: {}\n", chat.origin());
    if (!chat.warning().empty()) fmt::print(stderr, "warning: {}\n", chat.warning());
    if (options.source) {
        fmt::print("{}\n", chat.source(!options.tools_path.empty()));
        return kExitOk;
    }
    TRY(const airframe::ChatPrompt prompt, read_prompt(options));
    TRY(const Rendered rendered, chat.render(prompt));
    auto ids = tokenizer->encode(rendered.text, {.parse_special = true, .untrusted = rendered.untrusted});
    const auto& special = tokenizer->special();
    if (special.add_bos && special.bos && (ids.empty() || ids.front() != *special.bos)) {
        ids.insert(ids.begin(), *special.bos);
    }
    if (options.as_json) {
        print_json(to_json(rendered, chat, ids));
        return kExitOk;
    }
    fmt::print("{}{}", rendered.text, base::is_terminal(1) || options.ids ? "\n" : "");
    if (options.ids) fmt::print("{}\n", json::serialize(json::array(ids.begin(), ids.end())));
    return kExitOk;
}

// ---- --jsonl

// "2025-03-14T15:09:26" as it reads on the wall.
Result<int64_t> parse_now(const json::value& value) {
    tm parts{};
    const bool read =
        value.is_string() && strptime(value.get_string().c_str(), "%Y-%m-%dT%H:%M:%S", &parts) != nullptr;
    if (!read) return fail(ErrorCode::kInvalidArgument, "now: a time like 2025-03-14T15:09:26 is needed");
    return timegm(&parts);
}

Result<void> add_members(json::object& variables, const json::object& line, std::string_view key) {
    const json::value* members = line.if_contains(key);
    if (!members || members->is_null()) return {};
    if (!members->is_object()) return fail(ErrorCode::kInvalidArgument, "{}: an object is needed", key);
    for (const auto& [name, value] : members->get_object()) variables[name] = value;
    return {};
}

// Templates come in runs: the last one stays parsed.
struct LastTemplate {
    std::string source;
    std::optional<JinjaTemplate> parsed;
};

Result<std::string> answer_line(const std::string& text, LastTemplate& last) {
    TRY(const json::value value, parse_json(text, "the line"));
    const json::object* line = value.if_object();
    const json::value* source = line ? line->if_contains("template") : nullptr;
    if (!source || !source->is_string())
        return fail(ErrorCode::kInvalidArgument, "template: a string is needed");
    if (!last.parsed || last.source != source->get_string()) {
        last.parsed.reset();
        TRY(last.parsed, JinjaTemplate::parse(source->get_string()));
        last.source = source->get_string();
    }
    json::object variables{{"tools", nullptr}, {"documents", nullptr}};
    TRY_VOID(add_members(variables, *line, "context"));
    for (const char* key : {"messages", "tools"}) {
        const json::value* given = line->if_contains(key);
        if (given != nullptr && !given->is_null()) variables[key] = *given;
    }
    TRY_VOID(add_members(variables, *line, "extra"));
    airframe::RenderOptions options;
    options.now_unix_seconds = airframe::local_seconds();
    if (const json::value* now = line->if_contains("now"); now && !now->is_null()) {
        TRY(options.now_unix_seconds, parse_now(*now));
    }
    TRY(Rendered rendered, last.parsed->render(variables, options));
    return std::move(rendered.text);
}

int run_lines() {
    LastTemplate last;
    for (std::string line; std::getline(std::cin, line);) {
        const auto answer = answer_line(line, last);
        const json::object out = answer
                                     ? json::object{{"text", base::to_valid_utf8(*answer)}}
                                     : json::object{{"error", base::to_valid_utf8(answer.error().message)}};
        fmt::print("{}\n", json::serialize(out));
        std::fflush(stdout);  // the other side may be waiting for it
    }
    return kExitOk;
}

Result<int> run_template(const TemplateOptions& options, const GlobalOptions& global) {
    return options.jsonl ? run_lines() : run_once(options, global);
}

}  // namespace

void add_template(CommandLine line) {
    auto options = std::make_shared<TemplateOptions>();
    CLI::App* command =
        line.add(options, "template", "Show what a model is sent for a conversation", run_template);
    add_model_argument(*command, options->model);
    command->add_option(
        "--messages", options->messages_path,
        "The conversation: a JSON file with a list of messages, or a whole chat request; - for "
        "standard input. Without it: one greeting");
    command->add_option("--tools", options->tools_path,
                        "The tools offered to the model: a JSON file, as --messages");
    command->add_option("--extra", options->extra,
                        "Further variables for the template, as a JSON object: {\"enable_thinking\": false}");
    command->add_option("--chat-template", options->chat_template,
                        "Use this template instead of the model's: a file, or the name of a built-in one");
    command->add_flag("--no-generation-prompt", options->no_generation_prompt,
                      "Leave out what invites the model to answer");
    command->add_flag("--source", options->source, "Show the template itself");
    command->add_flag("--ids", options->ids, "Show the token ids, too");
    command->add_flag("--json", options->as_json,
                      "For scripts: text, token ids, and the ranges of bytes that come from users");
    command->add_flag(
        "--jsonl", options->jsonl,
        "Lines {\"template\", \"messages\", \"tools\", \"extra\", \"context\", \"now\"} on standard input "
        "become lines {\"text\"} or {\"error\"}; no model is needed");
    command->footer(
        "Examples:\n"
        "  shimmy template qwen3-0.6b\n"
        "  shimmy template model.gguf --messages chat.json --tools tools.json --ids\n"
        "  shimmy template model.gguf --chat-template zephyr --messages chat.json\n"
        "  shimmy template --jsonl < cases.jsonl");
}

}  // namespace shimmy
