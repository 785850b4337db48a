// shimmy quantize: the same model in another format, usually a smaller one.

#include "airframe/model/quantize.h"

#include <boost/json.hpp>

#include <memory>

#include "shimmy/app/command.h"
#include "shimmy/app/json_text.h"
#include "shimmy/app/models.h"
#include "shimmy/app/terminal.h"

namespace shimmy {
namespace json = boost::json;
namespace {

struct QuantizeArgs {
    std::string model, out, mix;
    bool as_json = false;
};

base::Result<int> run_quantize(const QuantizeArgs& args, const GlobalOptions& global) {
    TRY(const ModelEntry entry, resolve_model(args.model, global));
    TRY(const airframe::QuantMix* mix, airframe::find_mix(args.mix));
    TRY(const auto file, open_model(entry));
    ProgressBar bar(fmt::format("quantizing to {}", mix->name), file.tensor_bytes());
    TRY(const auto report, airframe::quantize_file(file, *mix, args.out,
                                                   {.threads = global.threads,
                                                    .on_progress = [&](double done) { bar.update(done); }}));
    if (args.as_json) {
        print_json(json::object{{"out", args.out},
                                {"type", mix->name},
                                {"bytes_before", report.bytes_before},
                                {"bytes_after", report.bytes_after},
                                {"tensors_changed", report.tensors_changed},
                                {"tensors_kept", report.tensors_kept}});
    } else {
        fmt::print("wrote {}: {} ({} before), {} tensors changed, {} kept\n", args.out,
                   format_bytes(report.bytes_after), format_bytes(report.bytes_before),
                   report.tensors_changed, report.tensors_kept);
    }
    return kExitOk;
}

}  // namespace

void add_quantize(CommandLine line) {
    auto args = std::make_shared<QuantizeArgs>();
    CLI::App* command = line.add(args, "quantize", "Convert a model to another block format", run_quantize);
    command->add_option("IN", args->model, "The model: a GGUF file or an id")->required();
    command->add_option("OUT", args->out, "The file to write")->required();
    command->add_option("TYPE", args->mix, "A format or mix, such as Q8_0 or Q4_K_M")->required();
    command->add_flag("--json", args->as_json, "For scripts");
    std::string names;
    for (const airframe::QuantMix& mix : airframe::all_mixes())
        if (airframe::can_encode(mix)) names += fmt::format(" {}", mix.name);
    command->footer(
        fmt::format("Types and mixes:{}\n\n"
                    "Start from F32, F16 or BF16: a second rounding on top of a first loses quality.\n\n"
                    "Examples:\n"
                    "  shimmy quantize model-f16.gguf model-q4_k_m.gguf Q4_K_M\n"
                    "  shimmy quantize model-f16.gguf model-q8_0.gguf Q8_0 --threads 8",
                    names));
}

}  // namespace shimmy
