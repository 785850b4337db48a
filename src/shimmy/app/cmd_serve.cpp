// shimmy serve: the server. Says where it listens and how to try it before any model is loaded; models load
// on demand.

#include <chrono>
#include <cmath>
#include <cstdio>
#include <ranges>

#include "airframe/engine/kv_plan.h"
#include "base/log.h"
#include "base/system.h"
#include "shimmy/api/server.h"
#include "shimmy/app/command.h"
#include "shimmy/app/guide.h"
#include "shimmy/app/model_loader.h"
#include "shimmy/app/models.h"
#include "shimmy/app/settings.h"
#include "shimmy/app/terminal.h"
#include "shimmy/app/version.h"

namespace shimmy {
namespace {

struct ServeOptions {
    std::string bind = "auto";
    std::string model_path;
    std::string chat_template;
    std::vector<std::string> allowed_hosts;
    std::vector<std::string> api_keys;
    std::string api_key_file;
    HttpLimits limits;
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

// A line that works when pasted: a model without a chat template gets its prompt as it is.
std::string curl_line(const std::string& url, const ModelEntry& model) {
    if (!model.facts().has_chat_template)
        return fmt::format(R"(curl {}/v1/completions -H 'Content-Type: application/json' )"
                           R"(-d '{{"model":"{}","prompt":"Once upon a time","max_tokens":64}}')",
                           url, model.id);
    return fmt::format(R"(curl {}/v1/chat/completions -H 'Content-Type: application/json' )"
                       R"(-d '{{"model":"{}","messages":[{{"role":"user","content":"What can you do?"}}]}}')",
                       url, model.id);
}

// What loading the model will take, and why it is less than the model's own where memory is short.
base::Result<std::string> context_text(const ModelEntry& model, const ServingOptions& serving,
                                       const GlobalOptions& global) {
    TRY(const auto file, open_model(model));
    TRY(const auto spec, airframe::derive_spec(file));
    const airframe::EngineOptions options = engine_options(serving, global);
    TRY(const auto plan, airframe::plan_context(spec, file.file_bytes(), options));
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

base::Result<ApiKeys> keys_of(const ServeOptions& options) {
    ApiKeys keys;
    for (const std::string& key : options.api_keys) {
        TRY_VOID(keys.add(key));
    }
    if (!options.api_key_file.empty()) {
        TRY_VOID(keys.add_file(options.api_key_file));
    }
    return keys;
}

struct SizeLimit {
    const char *name, *help;
    size_t HttpLimits::* field;
};
constexpr SizeLimit kSizeLimits[] = {
    {"--max-header-bytes", "Longest headers of a request", &HttpLimits::header_bytes},
    {"--max-body-bytes", "Longest body of a request", &HttpLimits::body_bytes},
    {"--max-all-bodies-bytes", "Of all bodies that are being read", &HttpLimits::all_bodies_bytes},
    {"--max-connections", "Clients at once", &HttpLimits::connections},
    {"--min-body-rate", "Slowest body after its time limit, bytes per second", &HttpLimits::body_bytes_per_s},
};
struct TimeLimit {
    const char *name, *help;
    std::chrono::milliseconds HttpLimits::* field;
};
constexpr TimeLimit kTimeLimits[] = {
    {"--header-timeout", "Seconds for a request's headers", &HttpLimits::header},
    {"--body-timeout", "Seconds for its body, before the rate counts", &HttpLimits::body},
    {"--idle-timeout", "Seconds between requests of a connection", &HttpLimits::idle},
    {"--write-timeout", "Seconds in which a client reads nothing", &HttpLimits::write},
    {"--drain-timeout", "Seconds for running requests at the end", &HttpLimits::drain},
};

void add_limit_options(CLI::App& command, HttpLimits& limits) {
    constexpr double kSecondsMax = 86'400;
    constexpr const char* kGroup = "Limits";
    for (const SizeLimit& limit : kSizeLimits) {
        command.add_option(limit.name, limits.*limit.field, limit.help)
            ->check(CLI::PositiveNumber)
            ->capture_default_str()
            ->group(kGroup);
    }
    for (const TimeLimit& limit : kTimeLimits) {
        auto& field = limits.*limit.field;
        command
            .add_option_function<double>(
                limit.name,
                [&field](double seconds) { field = std::chrono::milliseconds(std::lround(seconds * 1e3)); },
                limit.help)
            ->check(CLI::Range(0.1, kSecondsMax))
            ->default_str(fmt::format("{}", field.count() / 1000))
            ->group(kGroup);
    }
}

void print_banner(const Server& server, const Catalog& catalog, const ServingOptions& serving,
                  const GlobalOptions& global, bool has_keys) {
    const auto bold = [](std::string_view text) { return styled(stdout, Style::kBold, text); };
    const auto line = [](std::string_view label, std::string_view text) {
        fmt::print("  {:<9} {}\n", label, text);
    };
    fmt::print("{} {} is ready on {}\n\n", bold("shimmy"), kVersion, bold(server.url()));
    const ModelEntry model = *catalog.find(catalog.default_id());
    line("model", model_text(model, catalog.entries().size() - 1));
    const auto context = context_text(model, serving, global);
    line("context", context ? *context : context.error().message);
    line("backend", fmt::format("{}, {} threads", global.backend == "reference" ? "reference" : "cpu",
                                global.threads > 0 ? global.threads : base::usable_cpus()));
    line("OpenAI", fmt::format("base URL {}/v1, with {} API key", server.url(), has_keys ? "your" : "any"));
    fmt::print("\n{}\n", curl_line(server.url(), model));
    fmt::print("\nCtrl+C ends it.\n");
    std::fflush(stdout);
    if (!has_keys && !server.address().starts_with("127.") && server.address() != "::1")
        warn("other machines can reach this server, and it asks for no key; see --api-key-file");
}

base::Result<int> run_serve(const ServeOptions& options, const GlobalOptions& global) {
    TRY(std::string bind, bind_address(options.bind));
    Discovery found = find_models(global, options.model_path);
    TRY_VOID(check_named_files(found, options));
    const std::string default_id = choose_default(found);

    Catalog catalog(std::move(found.models),
                    [global, path = options.model_path] { return find_models(global, path).models; });
    catalog.set_default(default_id);
    TRY(ApiKeys keys, keys_of(options));
    const bool has_keys = !keys.empty();
    Service service(catalog, make_model_loader(global, options.chat_template, options.serving), {});
    TRY(const auto server, Server::start({.bind = std::move(bind),
                                          .allowed_hosts = options.allowed_hosts,
                                          .keys = std::move(keys),
                                          .limits = options.limits,
                                          .version = std::string(kVersion)},
                                         service));
    print_banner(*server, catalog, options.serving, global, has_keys);
    server->wait();
    return kExitOk;
}

}  // namespace

void add_serve(CommandLine line) {
    auto options = std::make_shared<ServeOptions>();
    CLI::App* command = line.add(options, "serve", "Start the OpenAI-compatible server", run_serve);
    command->add_option("--bind", options->bind, "HOST:PORT to listen on; port 0: any free one")
        ->capture_default_str();
    command->add_option("--model-path", options->model_path, "A GGUF file to serve, as the default model");
    add_chat_template_option(*command, options->chat_template);
    command
        ->add_option("--allowed-hosts", options->allowed_hosts,
                     "Further host names that clients may call this server by; '*': any")
        ->delimiter(',');
    command->add_option("--api-key", options->api_keys,
                        "A key that clients must send; others on this machine can see it: prefer a file");
    command->add_option("--api-key-file", options->api_key_file,
                        "A file with a key a line: KEY, NAME:KEY or NAME:sha256:HEX");
    add_limit_options(*command, options->limits);
    add_serving_options(*command, options->serving);
    command->footer(
        "Serves every model found on this machine; the first request for a model loads it.\n\n"
        "Without --bind: SHIMMY_BIND_ADDRESS, else SHIMMY_HOST and SHIMMY_PORT, else 127.0.0.1 and the first "
        "free port\n"
        "from 11435 on. Other variables: SHIMMY_BASE_GGUF (the default model's file), SHIMMY_MODEL_PATHS "
        "(further\n"
        "folders), SHIMMY_MAX_CTX (512 to 131072), SHIMMY_ROPE_SCALE (stretches the context by that "
        "factor),\n"
        "SHIMMY_KV_QUANT, SHIMMY_PREFILL_CHUNK, SHIMMY_LOG_LEVEL (debug, info, warn, error, off).\n"
        "SIGTERM or Ctrl+C lets running requests finish; a second one ends at once.\n\n"
        "Examples:\n"
        "  shimmy serve\n"
        "  shimmy serve --model-path ~/models/llama-3.2-1b-instruct-q4_k_m.gguf\n"
        "  shimmy serve --bind 0.0.0.0:8080 --ctx 8192\n"
        "  SHIMMY_PORT=8080 shimmy serve");
}

}  // namespace shimmy
