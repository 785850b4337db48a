// shimmy discover: where models are looked for, what was found there, and what was passed over and why.

#include <boost/json.hpp>

#include <cstdio>

#include "shimmy/app/command.h"
#include "shimmy/app/json_text.h"
#include "shimmy/app/models.h"
#include "shimmy/app/terminal.h"

namespace shimmy {
namespace json = boost::json;
namespace {

struct DiscoverOptions {
    bool as_json = false;
};

json::object to_json(const Discovery& found) {
    json::array places, models, skipped;
    for (const SearchedPlace& searched : found.places)
        places.push_back(json::object{{"source", searched.place.source},
                                      {"named_by", searched.place.named_by},
                                      {"path", searched.place.path.string()},
                                      {"exists", searched.exists},
                                      {"models", searched.models},
                                      {"note", searched.note}});
    for (const ModelEntry& entry : found.models) {
        json::array aliases(entry.aliases.begin(), entry.aliases.end());
        models.push_back(json::object{{"id", entry.id},
                                      {"aliases", std::move(aliases)},
                                      {"source", entry.source},
                                      {"path", entry.path.string()},
                                      {"bytes", entry.bytes}});
    }
    for (const SkippedFile& file : found.skipped)
        skipped.push_back(json::object{{"path", file.path.string()}, {"reason", file.reason}});
    return {{"places", std::move(places)}, {"models", std::move(models)}, {"skipped", std::move(skipped)}};
}

std::string found_text(const SearchedPlace& searched) {
    if (!searched.note.empty()) return searched.note;
    if (!searched.exists) return "not there";
    return searched.models == 1 ? "1 model" : fmt::format("{} models", searched.models);
}

void print_places(const Discovery& found) {
    std::vector<std::vector<std::string>> rows{{"SOURCE", "NAMED BY", "FOUND", "PLACE"}};
    for (const SearchedPlace& searched : found.places)
        rows.push_back({searched.place.source, searched.place.named_by, found_text(searched),
                        searched.place.path.string()});
    fmt::print("Looked for models in:\n\n{}\n", format_table(rows));
}

base::Result<int> run_discover(const DiscoverOptions& options, const GlobalOptions& global) {
    const Discovery found = find_models(global);
    if (options.as_json) {
        print_json(to_json(found));
        return kExitOk;
    }
    print_places(found);
    std::vector<std::vector<std::string>> rows{{"MODEL", "SIZE", "SOURCE", "FILE"}};
    for (const ModelEntry& entry : found.models)
        rows.push_back({entry.id, format_bytes(entry.bytes), entry.source, entry.path.string()});
    fmt::print("Found {}:\n\n{}",
               found.models.size() == 1 ? "1 model" : fmt::format("{} models", found.models.size()),
               format_table(rows));
    if (!found.skipped.empty()) fmt::print("\nPassed over:\n\n");
    for (const SkippedFile& file : found.skipped) fmt::print("  {}: {}\n", file.path.string(), file.reason);
    return kExitOk;
}

}  // namespace

void add_discover(CommandLine line) {
    auto options = std::make_shared<DiscoverOptions>();
    CLI::App* command =
        line.add(options, "discover", "Show where models are looked for, and what was found and passed over",
                 run_discover);
    command->add_flag("--json", options->as_json, "For scripts");
    command->footer(
        "A model is missing? This tells whether its folder was searched and why a file was not listed.\n"
        "Further folders: --model-dirs, or the variable SHIMMY_MODEL_PATHS (a list with ':' or ';').\n\n"
        "Examples:\n"
        "  shimmy discover\n"
        "  SHIMMY_MODEL_PATHS=/data/models:/mnt/gguf shimmy discover");
}

}  // namespace shimmy
