#include "shimmy/app/cli.h"

#include <CLI/CLI.hpp>

#include <charconv>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "shimmy/app/settings.h"
#include "shimmy/app/terminal.h"
#include "shimmy/app/version.h"
#include "shimmy/app/welcome.h"
#include "shimmy/store/closest_name.h"

namespace shimmy {
namespace {

using AddCommand = void (*)(CommandLine);

// In the order of the help.
constexpr AddCommand kCommands[] = {
    add_serve,    add_generate, add_list,     add_discover,   add_probe,         add_bench,
    add_inspect,  add_tokenize, add_grammar,  add_template,   add_embed,         add_logits,
    add_gpu_info, add_verify,   add_quantize, add_make_model, add_help_markdown, add_openapi};

constexpr const char* kFooter =
    "Exit codes: 0 done; 1 it could not be done, stderr says why; 2 the command line makes no sense, or "
    "`probe` found\n"
    "that the model does not load; 130 interrupted.\n\n"
    "Examples:\n"
    "  shimmy serve                                  an OpenAI-compatible server with the models found here\n"
    "  shimmy list                                   which those are\n"
    "  shimmy generate MODEL --prompt \"Why is the sky blue?\"\n"
    "  shimmy COMMAND --help                         more about one command";

std::string is_layer_count(const std::string& text) {
    uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text == "auto" || text == "all" || (error == std::errc{} && end == text.data() + text.size()))
        return {};
    return fmt::format("\"{}\" is no number of layers, nor all, nor auto", shortened(text, 40));
}

void add_global_options(CLI::App& app, GlobalOptions& global) {
    app.add_option("--model-dirs", global.model_dirs,
                   "Further folders to look for models in, separated by ':' or ';'")
        ->option_text("DIRS");
    app.add_option("--threads", global.threads, "Threads that compute; 0: all that this process may use")
        ->check(CLI::Range(0, 1024))
        ->option_text("N");
    app.add_option("--ctx", global.ctx_tokens,
                   "Context in tokens, 512 to 131072; 0: the model's own, as far as memory allows")
        ->option_text("TOKENS");
    app.add_option("--backend", global.backend,
                   "What computes: auto, cpu, vulkan (a GPU), or reference (plain and slow, for checking)")
        ->check(CLI::IsMember({"auto", "airframe", "cpu", "vulkan", "reference"}))
        ->option_text("NAME");
    app.add_option(
           "--gpu-backend", global.gpu_backend,
           "With --backend auto: auto takes a GPU where there is one, cpu none, vulkan a GPU or fails")
        ->check(CLI::IsMember({"auto", "cpu", "vulkan"}))
        ->option_text("NAME");
    app.add_option("--gpu-device", global.gpu_device,
                   "Which GPU: its number (several: N,N,...) or a part of its name, as `shimmy gpu-info` "
                   "shows them")
        ->option_text("N|NAME");
    app.add_option(
           "--gpu-layers", global.gpu_layers,
           "The last so many layers on the GPU, the output counting as one more, the rest on the CPU: "
           "a number, all, or auto (as many as fit)")
        ->check(is_layer_count)
        ->option_text("N|all|auto");
    app.add_flag("--cpu-moe", global.cpu_moe, "The experts of mixture-of-experts models on the CPU");
    app.add_option(
           "--gpu-split", global.gpu_split,
           "Layers over several GPUs, in these proportions, as in 3,1; without it by free memory, where "
           "one GPU is not enough")
        ->delimiter(',')
        ->check(CLI::NonNegativeNumber)
        ->option_text("A,B,...");
    app.add_option(
           "--kv-quant", global.kv_quant,
           "How keys and values are kept: f32, f16 (default), q8, or int4 (a quarter of f16, less exact)")
        ->check(CLI::IsMember({"f32", "f16", "q8", "int4"}))
        ->option_text("TYPE");
    app.add_option("--prefill-chunk", global.prefill_chunk,
                   "Prompt tokens computed per step beside running streams; 0: by measurement")
        ->check(CLI::Range(0, 1 << 20))
        ->option_text("TOKENS");
    app.add_flag("--deterministic", global.deterministic,
                 "The same text whatever else is being served; prompts are read more slowly");
}

std::string unknown_command_hint(const CLI::App& app, const std::string& word) {
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
        if (!command->get_group().empty()) names.push_back(command->get_name());
    const auto close = closest_names(word, names, 1);
    return close.empty() ? "" : " Did you mean `shimmy " + close.front() + "`?";
}

// Help and version go to stdout with code 0; everything else is a usage error.
int tell_parse_error(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
    if (error.get_exit_code() == 0) {
        app.exit(error);
        return kExitOk;
    }
    std::string message = error.what();
    std::string command;
    for (const CLI::App* used : app.get_subcommands()) command = " " + used->get_name();
    if (command.empty() && argc > 1 && argv[1][0] != '-')
        message = fmt::format("there is no command \"{}\".{}", shortened(argv[1], 40),
                              unknown_command_hint(app, argv[1]));
    fmt::print(stderr, "shimmy: {}\n`shimmy{} --help` shows what there is.\n", message, command);
    return kExitUsage;
}

int run_command(const Run& run) {
    const auto code = run();
    if (code) return *code;
    fmt::print(stderr, "{} {}\n", styled(stderr, Style::kRed, "shimmy:"), code.error().message);
    return kExitError;
}

}  // namespace

void add_model_argument(CLI::App& command, std::string& model) {
    command.add_option("MODEL", model,
                       "An id that `shimmy list` shows, a path to a GGUF file, or shimmy-guide");
    command.add_option("-m,--model,--name", model, "The same, as an option")->option_text("MODEL");
}

void build_cli(CLI::App& app, GlobalOptions& global, Run& run) {
    app.name("shimmy");
    app.description("Shimmy serves GGUF models behind an OpenAI-compatible API, on this machine alone.");
    app.set_version_flag("-V,--version", fmt::format("shimmy {}", kVersion));
    app.set_help_flag("-h,--help", "This text");
    app.footer(kFooter);
    app.get_formatter()->column_width(34);
    app.require_subcommand(0, 1);
    add_global_options(app, global);
    for (const AddCommand add : kCommands) add({app, global, run});
}

int run_cli(int argc, char** argv) {
    try {
        CLI::App app;
        GlobalOptions global;
        Run run;
        build_cli(app, global, run);
        try {
            app.parse(argc, argv);
        } catch (const CLI::ParseError& error) {
            return tell_parse_error(app, error, argc, argv);
        }
        for (const std::string& warning : apply_environment(global)) warn(warning);
        if (run) return run_command(run);
        return welcome(app, global);
    } catch (const std::exception& error) {
        fmt::print(stderr, "shimmy: internal error: {}\n", error.what());
        return kExitError;
    }
}

}  // namespace shimmy
