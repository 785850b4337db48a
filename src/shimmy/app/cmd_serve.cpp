// shimmy serve: the server. Says where it listens and how to try it before any model is loaded; models load
// on demand.

#include <cstdio>
#include <ranges>

#include "airframe/engine/kv_plan.h"
#include "airframe/model/family.h"
#include "base/log.h"
#include "base/system.h"
#include "shimmy/api/server.h"
#include "shimmy/app/command.h"
#include "shimmy/app/guide.h"
#include "shimmy/app/load_model.h"
#include "shimmy/app/model_loader.h"
#include "shimmy/app/models.h"
#include "shimmy/app/settings.h"
#include "shimmy/app/surface_options.h"
#include "shimmy/app/terminal.h"
#include "shimmy/app/version.h"

namespace shimmy {
namespace {

struct ServeOptions {
    ListenOptions listen;
    std::string model_path;
    std::string chat_template;
    SurfaceOptions surface;
    ServingOptions serving;
};

// A file that the user has named must be there; one that only the environment names is worth a warning.
base::Result<void> check_named_files(const Discovery& found, const ServeOptions& options) {
    for (const SearchedPlace& searched : found.places) {
        const SearchPlace& place = searched.place;
        if (place.kind != PlaceKind::kFile) continue;
        std::string problem = searched.exists ? "" : "no such file";
        for (const SkippedFile& skipped : found.skipped)
            if (skipped.path == place.path && searched.exists) problem = "it " + skipped.reason;
        if (problem.empty()) continue;
        if (place.named_by == "--model-path" && !options.model_path.empty())
            return base::fail(base::ErrorCode::kNotFound, "--model-path {}: {}", place.path.string(),
                              problem);
        warn(fmt::format("{}={}: {}", place.named_by, place.path.string(), problem));
    }
    return {};
}

// A model that this engine can run, as far as its header tells.
bool is_runnable(const ModelEntry& entry) {
    const auto file = open_model(entry);
    return file && airframe::derive_spec(*file).has_value();
}

// For the requests that name no model, and for the banner: the one the user named, else the newest that can
// chat and runs here, else the built-in one.
std::string choose_default(const Discovery& found) {
    constexpr size_t kOpenedMax = 8;  // start-up does not wait for a long list of strange files
    if (!found.named_id.empty()) return found.named_id;
    std::vector<const ModelEntry*> newest;
    for (const ModelEntry& entry : found.models)
        if (entry.embedded.empty()) newest.push_back(&entry);
    std::ranges::sort(newest, std::greater<>{}, &ModelEntry::modified_unix_seconds);
    for (const ModelEntry* entry : newest | std::views::take(kOpenedMax))
        if (entry->facts().has_chat_template && is_runnable(*entry)) return entry->id;
    return std::string(kGuideId);
}

// A line that works when pasted: a model without a chat template gets its prompt as it is. `where`: the base
// URL, and what curl needs to reach it.
std::string curl_line(const std::string& where, const ModelEntry& model) {
    const airframe::Family* family = airframe::find_family(model.facts().architecture);
    if (family != nullptr && family->encoder)
        return fmt::format(R"(curl {}/v1/embeddings -H 'Content-Type: application/json' )"
                           R"(-d '{{"model":"{}","input":"Once upon a time"}}')",
                           where, model.id);
    if (!model.facts().has_chat_template)
        return fmt::format(R"(curl {}/v1/completions -H 'Content-Type: application/json' )"
                           R"(-d '{{"model":"{}","prompt":"Once upon a time","max_tokens":64}}')",
                           where, model.id);
    return fmt::format(R"(curl {}/v1/chat/completions -H 'Content-Type: application/json' )"
                       R"(-d '{{"model":"{}","messages":[{{"role":"user","content":"What can you do?"}}]}}')",
                       where, model.id);
}

// What loading the model will take, and why it is less than the model's own where memory is short.
base::Result<std::string> context_text(const ModelEntry& model, const ServingOptions& serving,
                                       const GlobalOptions& global) {
    TRY(const auto file, open_model(model));
    TRY(const auto spec, airframe::derive_spec(file));
    if (spec.encoder)
        return fmt::format("{} tokens; an encoder keeps no keys and values",
                           format_thousands(spec.ctx_train_tokens));
    const airframe::EngineOptions options = engine_options(serving, global);
    const airframe::MemoryRoom room{.available_bytes = base::available_memory_bytes(),
                                    .weights_bytes = file.file_bytes()};
    TRY(const auto plan, airframe::plan_context(spec, {&room, 1}, options));
    const auto kv_tokens = static_cast<uint64_t>(plan.n_pages) * airframe::kPageTokens;
    std::string text =
        fmt::format("{} tokens; {} for the keys and values of {} tokens", format_thousands(plan.ctx_tokens),
                    format_bytes(kv_tokens * airframe::kv_bytes_per_token(spec, options.kv_type)),
                    format_thousands(kv_tokens));
    if (global.ctx_tokens == 0 && plan.ctx_tokens < spec.ctx_train_tokens)
        text += fmt::format(" (memory is short: the model's own context is {})",
                            format_thousands(spec.ctx_train_tokens));
    if (plan.ctx_tokens > spec.ctx_train_tokens)
        text += fmt::format(" (trained for {}: stretched)", format_thousands(spec.ctx_train_tokens));
    return text;
}

std::string model_text(const ModelEntry& model, size_t others) {
    const ModelFacts& facts = model.facts();
    const std::string more = others == 0 ? "" : fmt::format(", and {} more (shimmy list)", others);
    return fmt::format("{} ({}{} {} {}){}", styled(stdout, Style::kBold, model.id),
                       model.embedded.empty() ? "" : "built in, ", facts.architecture, facts.parameters,
                       facts.quantisation, more);
}

void print_banner(const Server& server, const Catalog& catalog, const ServeOptions& options,
                  const GlobalOptions& global, bool has_keys) {
    const auto bold = [](std::string_view text) { return styled(stdout, Style::kBold, text); };
    const auto line = [](std::string_view label, std::string_view text) {
        fmt::print("  {:<9} {}\n", label, text);
    };
    const std::string& socket = options.surface.unix_socket;
    const bool has_port = server.port() != 0;
    fmt::print("{} {} is ready on {}\n\n", bold("shimmy"), kVersion,
               bold(has_port ? server.url() : "unix:" + socket));
    if (has_port && !socket.empty()) line("socket", "unix:" + socket);
    const ModelEntry model = *catalog.find(catalog.default_id());
    line("model", model_text(model, catalog.entries().size() - 1));
    const auto context = context_text(model, options.serving, global);
    line("context", context ? *context : context.error().message);
    line("backend", backend_text(global));
    line("OpenAI", fmt::format("base URL {}/v1, with {} API key", server.url(), has_keys ? "your" : "any"));
    fmt::print("\n{}\n",
               curl_line(has_port ? server.url() : fmt::format("--unix-socket '{}' {}", socket, server.url()),
                         model));
    fmt::print("\nCtrl+C ends it.\n");
    std::fflush(stdout);
    if (!server.tls_warning().empty()) warn(server.tls_warning());
    if (!has_keys && has_port && !server.address().starts_with("127.") && server.address() != "::1")
        warn("other machines can reach this server, and it asks for no key; see --api-key-file");
}

base::Result<int> run_serve(const ServeOptions& options, const GlobalOptions& global) {
    TRY(std::string bind, bind_address(options.listen));
    Discovery found = find_models(global, options.model_path);
    TRY_VOID(check_named_files(found, options));
    const std::string default_id = choose_default(found);

    Catalog catalog(std::move(found.models),
                    [global, path = options.model_path] { return find_models(global, path).models; });
    catalog.set_default(default_id);
    TRY(ApiKeys keys, keys_of(options.surface));
    const bool has_keys = !keys.empty();
    Service service(catalog, make_model_loader(global, options.chat_template, options.serving), {});
    TRY(const auto server,
        Server::start({.bind = std::move(bind),
                       .unix_socket = options.surface.unix_socket,
                       .tls = options.surface.tls,
                       .allowed_hosts = options.surface.allowed_hosts,
                       .allowed_origins = options.surface.allowed_origins,
                       .keys = std::move(keys),
                       .reload_keys = options.surface.api_key_file.empty()
                                          ? std::function<base::Result<ApiKeys>()>()
                                          : [&options] { return keys_of(options.surface); },
                       .limits = options.surface.limits,
                       .strict = options.surface.strict,
                       .version = std::string(kVersion)},
                      service));
    print_banner(*server, catalog, options, global, has_keys);
    server->wait();
    return kExitOk;
}

}  // namespace

void add_serve(CommandLine line) {
    auto options = std::make_shared<ServeOptions>();
    CLI::App* command = line.add(options, "serve", "Start the OpenAI-compatible server", run_serve);
    CLI::Option* bind =
        command->add_option("--bind", options->listen.bind, "HOST:PORT to listen on; port 0: any free one");
    bind->capture_default_str();
    command->add_option("--host", options->listen.host, "The host alone")->excludes(bind);
    command->add_option("--port", options->listen.port, "The port alone")->excludes(bind);
    command->add_option("--model-path,-m,--model,FILE", options->model_path,
                        "A GGUF file to serve, as the default model");
    add_chat_template_option(*command, options->chat_template);
    add_surface_options(*command, options->surface);
    add_serving_options(*command, options->serving);
    command->footer(
        "Serves every model found on this machine; the first request for a model loads it.\n\n"
        "Without these: SHIMMY_BIND_ADDRESS, else SHIMMY_HOST and SHIMMY_PORT, else 127.0.0.1 and the first "
        "free port\n"
        "from 11435 on. Other variables: SHIMMY_BASE_GGUF (the default model's file), SHIMMY_MODEL_PATHS "
        "(further\n"
        "folders), SHIMMY_MAX_CTX (512 to 131072), SHIMMY_ROPE_SCALE (stretches the context by that "
        "factor),\n"
        "SHIMMY_KV_QUANT, SHIMMY_PREFILL_CHUNK, SHIMMY_LOG_LEVEL (debug, info, warn, error, off).\n"
        "SIGTERM or Ctrl+C lets running requests finish; a second one ends at once.\n\n"
        "Examples:\n"
        "  shimmy serve\n"
        "  shimmy serve ~/models/llama-3.2-1b-instruct-q4_k_m.gguf --port 8080\n"
        "  shimmy serve --bind 0.0.0.0:8080 --ctx 8192\n"
        "  shimmy serve --unix-socket /run/user/1000/shimmy.sock\n"
        "  SHIMMY_PORT=8080 shimmy serve");
}

}  // namespace shimmy
