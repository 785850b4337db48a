#include "shimmy/app/welcome.h"

#include <CLI/CLI.hpp>

#include <cstdio>

#include "base/system.h"
#include "shimmy/app/guide.h"
#include "shimmy/app/models.h"
#include "shimmy/app/terminal.h"
#include "shimmy/app/version.h"

namespace shimmy {
namespace {

constexpr size_t kModelsShown = 10;

// Whether the weights fit beside what is running: what a person wants to know before a download or a start.
std::string fit_of(const ModelEntry& entry, uint64_t free_bytes) {
    if (entry.bytes < free_bytes / 4 * 3) return "fits";
    return entry.bytes < free_bytes ? "just fits" : "too big for the free memory";
}

void print_models(const std::vector<ModelEntry>& entries) {
    const uint64_t free_bytes = base::available_memory_bytes();
    std::vector<std::vector<std::string>> rows;
    for (size_t i = 0; i < entries.size() && i < kModelsShown; ++i) {
        const ModelFacts& facts = entries[i].facts();
        rows.push_back({"  " + entries[i].id, format_bytes(entries[i].bytes),
                        facts.fault.empty() ? describe(facts) : "cannot be read",
                        fit_of(entries[i], free_bytes)});
    }
    fmt::print("{}", format_table(rows));
    if (entries.size() > kModelsShown)
        fmt::print("  … {} more: shimmy list\n", entries.size() - kModelsShown);
}

}  // namespace

int welcome(const CLI::App& app, const GlobalOptions& global) {
    if (!base::is_terminal(1)) {
        fmt::print("{}", app.help());
        return kExitOk;
    }
    const Catalog catalog(find_models(global).models);
    const auto entries = catalog.entries();
    const bool only_guide = entries.size() == 1 && entries[0].id == kGuideId;
    fmt::print("{} {}: GGUF models behind an OpenAI-compatible API, on this machine alone.\n\n",
               styled(stdout, Style::kBold, "shimmy"), kVersion);
    if (entries.empty())
        fmt::print("No models found yet. `shimmy discover` shows where they are looked for.\n");
    else
        fmt::print("{}\n",
                   only_guide ? "No model files found yet; the built-in guide is ready:" : "Models found:");
    print_models(entries);
    fmt::print("\nNext:\n");
    const std::vector<std::vector<std::string>> next{
        {"  shimmy serve", "start the server"},
        {fmt::format("  shimmy generate {} --prompt \"Hello\"", catalog.default_id()), "one answer here"},
        {"  shimmy discover", "where models are looked for"},
        {"  shimmy --help", "all commands"},
    };
    fmt::print("{}", format_table(next));
    return kExitOk;
}

}  // namespace shimmy
