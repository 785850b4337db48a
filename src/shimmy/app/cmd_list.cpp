// shimmy list: the models of this machine by their ids.

#include <boost/json.hpp>

#include <cstdio>

#include "shimmy/app/command.h"
#include "shimmy/app/json_text.h"
#include "shimmy/app/models.h"
#include "shimmy/app/terminal.h"

namespace shimmy {
namespace json = boost::json;
namespace {

struct ListOptions {
    bool brief = false;
    bool as_json = false;
};

std::string place_of(const ModelEntry& entry) {
    return entry.path.empty() ? "built in" : entry.path.string();
}

json::object to_json(const ModelEntry& entry) {
    const ModelFacts& facts = entry.facts();
    json::object object{{"id", entry.id},
                        {"source", entry.source},
                        {"path", entry.path.string()},
                        {"parts", entry.parts.size()},
                        {"bytes", entry.bytes},
                        {"architecture", facts.architecture},
                        {"parameters", facts.parameters},
                        {"quantisation", facts.quantisation},
                        {"context_tokens", facts.context_tokens},
                        {"has_chat_template", facts.has_chat_template}};
    if (!facts.fault.empty()) object["fault"] = facts.fault;
    return object;
}

std::vector<std::string> table_row(const ModelEntry& entry) {
    const ModelFacts& facts = entry.facts();
    if (!facts.fault.empty()) return {entry.id, "", "", "", format_bytes(entry.bytes), facts.fault};
    return {entry.id,
            facts.architecture,
            facts.parameters,
            facts.quantisation,
            format_bytes(entry.bytes),
            facts.context_tokens > 0 ? format_thousands(facts.context_tokens) : "",
            place_of(entry)};
}

base::Result<int> run_list(const ListOptions& options, const GlobalOptions& global) {
    const std::vector<ModelEntry> entries = Catalog(find_models(global).models).entries();
    if (options.as_json) {
        json::array models;
        for (const ModelEntry& entry : entries) models.push_back(to_json(entry));
        print_json(json::object{{"models", std::move(models)}});
    } else if (options.brief) {
        for (const ModelEntry& entry : entries) fmt::print("{}\n", entry.id);
    } else {
        std::vector<std::vector<std::string>> rows{
            {"MODEL", "FAMILY", "PARAMETERS", "QUANT", "SIZE", "CONTEXT", "FILE"}};
        for (const ModelEntry& entry : entries) rows.push_back(table_row(entry));
        fmt::print("{}", format_table(rows));
        if (entries.size() <= 1)
            fmt::print("\nNo model files found. `shimmy discover` shows where they are looked for.\n");
    }
    return kExitOk;
}

}  // namespace

void add_list(CommandLine line) {
    auto options = std::make_shared<ListOptions>();
    CLI::App* command = line.add(options, "list", "Show the models found on this machine", run_list);
    command->add_flag("-s,--short", options->brief, "Only the ids, one per line");
    command->add_flag("--json", options->as_json, "For scripts");
    command->footer(
        "Examples:\n"
        "  shimmy list\n"
        "  shimmy list --model-dirs /data/models\n"
        "  shimmy list --json | jq -r '.models[].path'");
}

}  // namespace shimmy
