// shimmy make-model: a model of a real shape with random weights, for benchmarks.

#include "airframe/model/make_model.h"

#include <memory>

#include "shimmy/app/command.h"
#include "shimmy/app/terminal.h"

namespace shimmy {
namespace {

struct MakeModelArgs {
    std::string out, shape, mix = "Q4_K_M";
    uint32_t layers = 0;
    uint64_t seed = 1;
};

base::Result<int> run_make_model(const MakeModelArgs& args, const GlobalOptions&) {
    TRY(const airframe::ModelShape* known, airframe::find_shape(args.shape));
    TRY(const airframe::QuantMix* mix, airframe::find_mix(args.mix));
    airframe::ModelShape shape = *known;
    if (args.layers > 0) shape.n_layers = args.layers;
    ProgressBar bar(fmt::format("making {} as {}", shape.name, mix->name), 0);
    TRY_VOID(airframe::make_model(
        shape, *mix, args.out, {.seed = args.seed, .on_progress = [&](double done) { bar.update(done); }}));
    fmt::print("wrote {}: {}, {}\n", args.out, shape.name, mix->name);
    return kExitOk;
}

}  // namespace

void add_make_model(CommandLine line) {
    auto args = std::make_shared<MakeModelArgs>();
    CLI::App* command =
        line.add(args, "make-model", "Write a model of a real shape with random weights", run_make_model);
    command->add_option("OUT", args->out, "The file to write")->required();
    command->add_option("--shape", args->shape, "Whose shape")->required();
    command->add_option("--type", args->mix, "A format or mix")->capture_default_str();
    command->add_option("--layers", args->layers, "Another number of layers than the shape has")
        ->check(CLI::Range(1, 1024));
    command->add_option("--seed", args->seed, "Of the random weights")->capture_default_str();
    std::string names;
    for (const airframe::ModelShape& shape : airframe::all_shapes()) names += fmt::format(" {}", shape.name);
    names += "\nTypes and mixes:";
    for (const airframe::QuantMix& mix : airframe::all_mixes()) names += fmt::format(" {}", mix.name);
    command->footer(
        fmt::format("Shapes:{}\n\n"
                    "It computes like the real model and says nothing of sense: the input of benchmarks.\n\n"
                    "Examples:\n"
                    "  shimmy make-model --shape tinyllama-1.1b --type Q4_0 /tmp/tiny.gguf\n"
                    "  shimmy bench /tmp/tiny.gguf",
                    names));
}

}  // namespace shimmy
