// What every command shares: the global options, the exit codes, and how a command is added to the program.
// Commands run on the main thread.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace shimmy {

// Documented in docs/CLI.md and in `shimmy --help`.
enum ExitCode : int {
    kExitOk = 0,
    kExitError = 1,         // it could not be done; stderr says why
    kExitUsage = 2,         // the command line makes no sense; `probe`: the model does not load
    kExitInterrupted = 130  // Ctrl+C before it was done
};

struct GlobalOptions {
    std::vector<std::string> model_dirs;  // as given: each may be a list
    int threads = 0;                      // 0: all that this process may use
    uint32_t ctx_tokens = 0;              // 0: the model's own, as far as memory allows
    float rope_scale = 0;                 // YaRN by this factor, whatever the file says; 0: by the file
    std::string backend = "auto";
    std::string gpu_backend = "auto";  // where backend is "auto": auto, cpu, vulkan
    std::string gpu_device;            // a number, several, or a part of a name; empty: the best
    std::string gpu_layers = "auto";   // auto, all, or how many
    bool cpu_moe = false;              // experts on the CPU
    std::vector<double> gpu_split;     // shares of the layers for each GPU; empty: by free memory
    std::string kv_quant;              // of keys and values; empty: f16
    uint32_t prefill_chunk = 0;        // rows of prompts beside running streams; 0: by measurement
    bool deterministic = false;
};

// The chosen command's work, set while the command line is parsed. Gives the exit code.
using Run = std::function<base::Result<int>()>;

struct CommandLine {
    CLI::App& app;
    const GlobalOptions& global;
    Run& run;

    // Adds a command whose options live as long as the program: `options` is shared with the action.
    template <class Options>
    CLI::App* add(std::shared_ptr<Options> options, const char* name, const char* what,
                  base::Result<int> (*action)(const Options&, const GlobalOptions&)) {
        CLI::App* command = app.add_subcommand(name, what);
        command->fallthrough();
        command->callback([this_run = &run, this_global = &global, options, action] {
            *this_run = [=] { return action(*options, *this_global); };
        });
        return command;
    }
};

// The model to use: as MODEL, or after -m, --model or --name. An id, a path to a GGUF file, or shimmy-guide.
void add_model_argument(CLI::App& command, std::string& model);

// One per command, in the order of the help. Each is defined in its cmd_*.cpp.
void add_serve(CommandLine line);
void add_list(CommandLine line);
void add_discover(CommandLine line);
void add_generate(CommandLine line);
void add_probe(CommandLine line);
void add_bench(CommandLine line);
void add_inspect(CommandLine line);
void add_tokenize(CommandLine line);
void add_grammar(CommandLine line);
void add_gpu_info(CommandLine line);
void add_template(CommandLine line);
void add_logits(CommandLine line);
void add_embed(CommandLine line);
void add_verify(CommandLine line);
void add_quantize(CommandLine line);
void add_make_model(CommandLine line);
void add_help_markdown(CommandLine line);
void add_openapi(CommandLine line);

}  // namespace shimmy
