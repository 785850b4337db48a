// shimmy logits: the raw logits of every position, for comparing this engine with others.

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "airframe/model/run_tokens.h"
#include "shimmy/app/command.h"
#include "shimmy/app/load_model.h"
#include "shimmy/app/models.h"

namespace shimmy {
namespace {

struct LogitsOptions {
    std::string model;
    std::vector<int32_t> tokens;
    std::string out;
    std::string kv = "auto";
};

base::Result<int> run_logits(const LogitsOptions& options, const GlobalOptions& global) {
    TRY(const ModelEntry entry, resolve_model(options.model, global));
    TRY(const auto model, load_model(entry, global));
    // As a server with this context would compute; without one, as for a sequence of this length.
    const auto length = static_cast<uint32_t>(options.tokens.size());
    model->set_context({.ctx_tokens = std::max(global.ctx_tokens, length), .yarn_factor = global.rope_scale});
    const bool f32 = options.kv == "f32" || (options.kv == "auto" && global.backend == "reference");
    TRY(const auto logits,
        airframe::run_tokens(*model, options.tokens,
                             {.kv_type = f32 ? airframe::KvType::kF32 : airframe::KvType::kF16}));
    std::ofstream file(options.out, std::ios::binary);
    file.write(reinterpret_cast<const char*>(logits.data()),
               static_cast<std::streamsize>(logits.size() * sizeof(float)));
    file.close();
    if (!file) return base::fail(base::ErrorCode::kIo, "cannot write {}", options.out);
    fmt::print(stderr, "wrote {} ({} x {} float32)\n", options.out, options.tokens.size(),
               model->spec().vocab);
    return kExitOk;
}

}  // namespace

void add_logits(CommandLine line) {
    auto options = std::make_shared<LogitsOptions>();
    CLI::App* command =
        line.add(options, "logits", "Write the logits of every position of a token sequence", run_logits);
    add_model_argument(*command, options->model);
    command->add_option("--tokens", options->tokens, "Token ids, separated by commas")
        ->delimiter(',')
        ->required();
    command
        ->add_option("-o,--output", options->out,
                     "The file to write: float32, little-endian, [tokens, vocabulary]")
        ->required();
    command
        ->add_option("--kv", options->kv,
                     "How keys and values are kept; auto: f16, on the reference backend f32")
        ->check(CLI::IsMember({"auto", "f16", "f32"}))
        ->capture_default_str();
    command->footer(
        "Examples:\n"
        "  shimmy logits -m model.gguf --tokens 1,2,3 -o out.f32\n"
        "  shimmy logits -m model.gguf --tokens 1,2,3 --backend reference -o expected.f32");
}

}  // namespace shimmy
