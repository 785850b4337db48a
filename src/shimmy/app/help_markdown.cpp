// shimmy help-markdown: docs/CLI.md, made from the command line's own tables. Hidden from the help; a test
// compares.

#include <CLI/CLI.hpp>

#include <cstdio>
#include <sstream>

#include "shimmy/app/cli.h"

namespace shimmy {
namespace {

struct MarkdownOptions {};

std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) out += c == '|' ? "\\|" : std::string(1, c);
    return out;
}

std::string default_text(const CLI::Option& option) {
    const std::string value = option.get_default_str();
    return value.empty() || value == "\"\"" ? "" : " (default " + value + ")";
}

std::string option_name(const CLI::Option& option) {
    if (option.nonpositional()) {
        const bool takes_value = option.get_items_expected_max() > 0;
        return option.get_name(false, true) + (takes_value ? " VALUE" : "");
    }
    return option.get_name(true);
}

void print_options(const CLI::App& app) {
    std::string rows;
    for (const CLI::Option* option : app.get_options())
        rows += fmt::format("| `{}` | {}{} |\n", escaped(option_name(*option)),
                            escaped(option->get_description()), escaped(default_text(*option)));
    if (!rows.empty()) fmt::print("| option | meaning |\n|---|---|\n{}\n", rows);
}

void print_footer(const CLI::App& app) {
    const std::string footer = app.get_footer();
    const size_t examples = footer.find("Examples:\n");
    const std::string text = footer.substr(0, examples);
    if (!text.empty())
        fmt::print("{}\n", text.ends_with("\n\n") ? text.substr(0, text.size() - 1) : text + "\n");
    if (examples != std::string::npos)
        fmt::print("```\n{}\n```\n\n", footer.substr(examples + std::string_view("Examples:\n").size()));
}

base::Result<int> run_help_markdown(const MarkdownOptions&, const GlobalOptions&) {
    CLI::App app;
    GlobalOptions global;
    Run run;
    build_cli(app, global, run);
    fmt::print("# The command line\n\n{}\n\n", app.get_description());
    fmt::print("Made by `shimmy help-markdown`; a test holds it to the program.\n\n");
    fmt::print("Options of every command, before or after its name:\n\n");
    print_options(app);
    print_footer(app);
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        if (command->get_group().empty()) continue;
        fmt::print("## shimmy {}\n\n{}.\n\n", command->get_name(), command->get_description());
        print_options(*command);
        print_footer(*command);
    }
    return kExitOk;
}

}  // namespace

void add_help_markdown(CommandLine line) {
    CLI::App* command = line.add(std::make_shared<MarkdownOptions>(), "help-markdown", "Print docs/CLI.md",
                                 run_help_markdown);
    command->group("");  // hidden
}

}  // namespace shimmy
