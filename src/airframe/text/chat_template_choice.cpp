// Which template a model gets. The built-in ones are the files of templates/, embedded. See
// chat_template_choice.h.
#include "airframe/text/chat_template_choice.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>

#include "airframe/text/chat_template.h"
#include "base/embedded_file.h"

std::span<const base::EmbeddedFile> airframe_chat_templates();  // cmake/embed.cmake

namespace airframe {
namespace {

constexpr std::string_view kSuffix = ".jinja";
constexpr std::string_view kLastResort = "chatml";

// One way to tell a model's format where its file has no template; all that is not empty must hold. What is
// in the vocabulary says more than a name, and a name more than a family: first match wins.
struct Rule {
    std::string_view token;   // a piece of the vocabulary
    std::string_view name;    // part of general.name or general.basename, in lower case
    std::string_view family;  // general.architecture
    std::string_view chosen;
};
constexpr Rule kRules[] = {
    {.token = "<|im_start|>", .chosen = "chatml"},
    {.token = "<|start_header_id|>", .chosen = "llama3"},
    {.token = "<start_of_turn>", .chosen = "gemma"},
    {.token = "<|start_of_role|>", .chosen = "granite"},
    {.token = "<|START_OF_TURN_TOKEN|>", .chosen = "command-r"},
    {.token = "<｜Assistant｜>", .chosen = "deepseek"},
    {.token = "[INST]", .chosen = "mistral"},
    {.token = "<|end|>", .family = "phi3", .chosen = "phi3"},
    {.name = "tinyllama", .chosen = "zephyr"},
    {.name = "zephyr", .chosen = "zephyr"},
    {.name = "vicuna", .chosen = "vicuna"},
    {.name = "alpaca", .chosen = "alpaca"},
    {.name = "wizardlm", .chosen = "vicuna"},
    {.name = "mixtral", .chosen = "mistral"},
    {.name = "mistral", .chosen = "mistral"},
    {.name = "llama-3", .chosen = "llama3"},
    {.name = "llama 3", .chosen = "llama3"},
    {.name = "llama-2", .chosen = "llama2"},
    {.name = "llama 2", .chosen = "llama2"},
    {.name = "llama2", .chosen = "llama2"},
    {.name = "codellama", .chosen = "llama2"},
    {.name = "deepseek", .chosen = "deepseek"},
    {.family = "phi3", .chosen = "phi3"},
    {.family = "gemma", .chosen = "gemma"},
    {.family = "gemma2", .chosen = "gemma"},
    {.family = "gemma3", .chosen = "gemma"},
    {.family = "granite", .chosen = "granite"},
    {.family = "command-r", .chosen = "command-r"},
    {.family = "cohere2", .chosen = "command-r"},
    {.family = "deepseek2", .chosen = "deepseek"},
};

std::string lower_text(const Metadata& metadata, std::string_view key) {
    const auto text = metadata.get_string(key);
    if (!text || !*text) return {};
    std::string out(**text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
    return out;
}

std::optional<std::string> string_at(const Metadata& metadata, std::string_view key) {
    const auto text = metadata.get_string(key);
    if (!text || !*text || (*text)->empty()) return std::nullopt;
    return std::string(**text);
}

base::Result<TemplateChoice> from_override(std::string_view override) {
    if (const auto builtin = builtin_chat_template(override)) {
        return TemplateChoice{std::string(*builtin), fmt::format("built-in template '{}'", override)};
    }
    std::error_code error;
    const std::filesystem::path path(override);
    if (!std::filesystem::is_regular_file(path, error)) {
        return base::fail(base::ErrorCode::kInvalidArgument,
                          "'{}' is neither a file with a chat template nor a built-in one; those are: {}",
                          override, fmt::join(builtin_chat_templates(), ", "));
    }
    std::ifstream file(path, std::ios::binary);
    std::string source{std::istreambuf_iterator<char>(file), {}};
    if (!file) return base::fail(base::ErrorCode::kIo, "the chat template {} cannot be read", path.string());
    return TemplateChoice{std::move(source), fmt::format("the file {}", path.string())};
}

std::optional<TemplateChoice> from_file(const Metadata& metadata) {
    const std::string key = "tokenizer.chat_template";
    const auto tool_use = string_at(metadata, key + ".tool_use");
    auto main = string_at(metadata, key);
    if (!main) main = string_at(metadata, key + ".default");
    std::string origin = "the model's file";
    if (!main && tool_use) {
        main = tool_use;
        origin = "the model's file (tool_use)";
    }
    const auto names = metadata.get_strings("tokenizer.chat_templates");
    if (!main && names && *names && !(*names)->empty()) {
        const std::string_view name = (**names).front();
        main = string_at(metadata, fmt::format("{}.{}", key, name));
        origin = fmt::format("the model's file ({})", name);
    }
    if (!main) return std::nullopt;
    return TemplateChoice{*main, origin, {}, tool_use.value_or("")};
}

TemplateChoice from_rules(const Metadata& metadata, const Tokenizer& tokenizer) {
    const std::string name =
        lower_text(metadata, "general.name") + " " + lower_text(metadata, "general.basename");
    const std::string family = lower_text(metadata, "general.architecture");
    const auto holds = [&](const Rule& rule) {
        return (rule.token.empty() || tokenizer.find(rule.token)) &&
               (rule.name.empty() || name.find(rule.name) != std::string::npos) &&
               (rule.family.empty() || rule.family == family);
    };
    const auto* rule = std::ranges::find_if(kRules, holds);
    const bool known = rule != std::end(kRules);
    const std::string_view chosen = known ? rule->chosen : kLastResort;
    TemplateChoice choice{std::string(*builtin_chat_template(chosen)),
                          fmt::format("built-in template '{}'", chosen)};
    if (!known) {
        choice.warning = fmt::format(
            "the model's file has no chat template and nothing tells its format: ChatML is used. If the "
            "answers are odd, "
            "name the right one with --chat-template FILE|NAME ({})",
            fmt::join(builtin_chat_templates(), ", "));
    }
    return choice;
}

}  // namespace

std::vector<std::string_view> builtin_chat_templates() {
    std::vector<std::string_view> names;
    for (const base::EmbeddedFile& file : airframe_chat_templates()) {
        names.push_back(
            std::string_view(file.name).substr(0, std::string_view(file.name).size() - kSuffix.size()));
    }
    return names;
}

std::optional<std::string_view> builtin_chat_template(std::string_view name) {
    for (const base::EmbeddedFile& file : airframe_chat_templates()) {
        if (file.name == std::string(name) + std::string(kSuffix)) return file.bytes();
    }
    return std::nullopt;
}

base::Result<TemplateChoice> choose_chat_template(const Metadata& metadata, const Tokenizer& tokenizer,
                                                  std::string_view override) {
    if (!override.empty()) return from_override(override);
    if (auto choice = from_file(metadata)) return *std::move(choice);
    return from_rules(metadata, tokenizer);
}

}  // namespace airframe
