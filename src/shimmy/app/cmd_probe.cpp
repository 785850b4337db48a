// shimmy probe: does this model load? Exit code 0 with its facts, or 2 with the reason.

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "airframe/model/run_tokens.h"
#include "airframe/text/tokenizer.h"
#include "shimmy/app/command.h"
#include "shimmy/app/json_text.h"
#include "shimmy/app/load_model.h"
#include "shimmy/app/models.h"
#include "shimmy/app/terminal.h"

namespace shimmy {
namespace json = boost::json;
namespace {

struct ProbeOptions {
    std::string model;
    bool as_json = false;
};

struct Probed {
    ModelEntry entry;
    double load_s = 0;
    std::string backend;
};

// Everything that serving needs, once: file, weights, pages, vocabulary, and one forward step whose numbers
// are numbers.
base::Result<Probed> probe(const ProbeOptions& options, const GlobalOptions& global) {
    TRY(ModelEntry entry, resolve_model(options.model, global));
    const auto start = base::Clock::now();
    constexpr uint32_t kRows = 8;
    TRY(const auto model, load_model(entry, global, {.batch_rows_max = kRows}));
    TRY(const auto tokenizer, airframe::Tokenizer::create(model->file().metadata()));
    if (static_cast<uint32_t>(tokenizer->vocab_size()) > model->spec().vocab)
        return base::fail(base::ErrorCode::kBadFile, "the vocabulary has {} tokens, but the model only {}",
                          tokenizer->vocab_size(), model->spec().vocab);
    const int32_t token = tokenizer->special().bos.value_or(0);
    TRY(const auto logits, airframe::run_tokens(*model, {&token, 1}));
    if (!std::ranges::all_of(logits, [](float logit) { return std::isfinite(logit); }))
        return base::fail(base::ErrorCode::kNumeric, "the first step gives values that are no numbers");
    return Probed{std::move(entry), base::seconds_since(start), model->description()};
}

base::Result<int> run_probe(const ProbeOptions& options, const GlobalOptions& global) {
    const auto probed = probe(options, global);
    if (!probed) {
        if (options.as_json) print_json(json::object{{"ok", false}, {"error", probed.error().message}});
        fmt::print(stderr, "shimmy: probe failed: {}\n", probed.error().message);
        return kExitUsage;
    }
    const ModelEntry& entry = probed->entry;
    if (options.as_json) {
        print_json(json::object{{"ok", true},
                                {"id", entry.id},
                                {"path", entry.path.string()},
                                {"bytes", entry.bytes},
                                {"architecture", entry.facts().architecture},
                                {"parameters", entry.facts().parameters},
                                {"quantisation", entry.facts().quantisation},
                                {"context_tokens", entry.facts().context_tokens},
                                {"backend", probed->backend},
                                {"load_s", probed->load_s}});
    } else {
        fmt::print("ok: loaded {}\n", entry.id);
        fmt::print("  {}, {}, in {:.0f} ms on {}\n", describe(entry.facts()), format_bytes(entry.bytes),
                   probed->load_s * 1e3, probed->backend);
    }
    return kExitOk;
}

}  // namespace

void add_probe(CommandLine line) {
    auto options = std::make_shared<ProbeOptions>();
    CLI::App* command = line.add(options, "probe", "Check that a model loads and computes", run_probe);
    add_model_argument(*command, options->model);
    command->add_flag("--json", options->as_json, "For scripts");
    command->footer(
        "Prints `ok: loaded NAME` and exits with 0, or says why not and exits with 2.\n\n"
        "Examples:\n"
        "  shimmy probe llama-3.2-1b-instruct-q4-k-m\n"
        "  shimmy probe ~/Downloads/model.gguf && echo fine");
}

}  // namespace shimmy
