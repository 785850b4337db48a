// shimmy verify: is this file sound, and does it compute right on this machine? A table of gates and a
// verdict.

#include "airframe/model/verify.h"

#include <boost/json.hpp>

#include <algorithm>
#include <map>
#include <memory>

#include "shimmy/app/command.h"
#include "shimmy/app/json_text.h"
#include "shimmy/app/load_model.h"
#include "shimmy/app/models.h"
#include "shimmy/app/terminal.h"

namespace shimmy {
namespace json = boost::json;
namespace {

struct VerifyArgs {
    std::string model;
    uint32_t tokens = 0;
    uint32_t kv_tokens = 2048;
    bool as_json = false;
};

base::Result<std::vector<airframe::VerifyGate>> verify(const ModelEntry& entry, const VerifyArgs& args,
                                                       const GlobalOptions& global) {
    const airframe::BackendChoice backend = choose_backend(global);
    std::map<std::string, ProgressBar, std::less<>> bars;  // one per gate that takes long
    airframe::VerifyOptions options{.backend = backend.name,
                                    .backend_options = backend_options(global),
                                    .tokens = args.tokens,
                                    .kv_tokens = args.kv_tokens};
    options.on_progress = [&](std::string_view gate, double done) {
        auto [bar, made] = bars.try_emplace(std::string(gate), fmt::format("checking {}", gate), 0);
        bar->second.update(done);
        if (done >= 1) bars.erase(bar);
    };
    return airframe::verify_model([&] { return open_model(entry); }, options);
}

void print_gates(const std::vector<airframe::VerifyGate>& gates, const ModelEntry& entry, bool passed) {
    for (const airframe::VerifyGate& gate : gates)
        fmt::print("{}  {:38}  {}\n",
                   gate.passed ? styled(stdout, Style::kGreen, "pass") : styled(stdout, Style::kRed, "FAIL"),
                   gate.name, gate.measured);
    fmt::print("\n{}: {}\n", entry.id,
               passed ? "sound, and right on this machine" : "NOT right: see the gates that failed");
}

base::Result<int> run_verify(const VerifyArgs& args, const GlobalOptions& global) {
    TRY(const ModelEntry entry, resolve_model(args.model, global));
    TRY(const auto gates, verify(entry, args, global));
    const bool passed = std::ranges::all_of(gates, &airframe::VerifyGate::passed);
    if (args.as_json) {
        json::array rows;
        for (const airframe::VerifyGate& gate : gates)
            rows.push_back(
                json::object{{"gate", gate.name}, {"passed", gate.passed}, {"measured", gate.measured}});
        print_json(json::object{
            {"id", entry.id}, {"path", entry.path.string()}, {"passed", passed}, {"gates", rows}});
    } else {
        print_gates(gates, entry, passed);
    }
    return passed ? kExitOk : kExitError;
}

}  // namespace

void add_verify(CommandLine line) {
    auto args = std::make_shared<VerifyArgs>();
    CLI::App* command =
        line.add(args, "verify", "Prove that a model file is sound and computed right here", run_verify);
    add_model_argument(*command, args->model);
    command
        ->add_option("--tokens", args->tokens,
                     "Tokens of the comparison with the reference (default: about ten seconds' worth)")
        ->check(CLI::Range(1, 4096));
    command
        ->add_option(
            "--kv-tokens", args->kv_tokens,
            "Tokens of the comparison of the types of keys and values, at most the model's context; 0: "
            "leave it out")
        ->check(CLI::Range(0, 1 << 20))
        ->capture_default_str();
    command->add_flag("--json", args->as_json, "For scripts");
    command->footer(
        "Gates: the container is sound; no weight is NaN or infinite; each block format decodes as the "
        "scalar\n"
        "code does; a repeated run is bit-identical; decoding equals prefill; the logits agree with the "
        "plain\n"
        "reference backend; what each type of keys and values (--kv-quant) costs. Exits with 0 when all "
        "pass, else with 1.\n\n"
        "Examples:\n"
        "  shimmy verify shimmy-guide\n"
        "  shimmy verify ~/Downloads/model.gguf --json");
}

}  // namespace shimmy
