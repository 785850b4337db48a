#include "shimmy/api/metrics.h"

#include <fmt/format.h>

#include "shimmy/api/handlers.h"

namespace shimmy {
namespace {

using airframe::EngineStats;
using Source = MetricsSource;

constexpr Metric kMetrics[] = {
    {"uptime_seconds", "gauge", "Seconds since the server began", [](const Source& s) { return s.uptime_s; }},
    {"model_waiting_requests", "gauge", "Requests that wait for a model to be loaded",
     [](const Source& s) { return static_cast<double>(s.registry.waiting); }},
    {"model_loading_ratio", "gauge", "How much of a model that is being loaded is there, 0 to 1",
     [](const Source& s) { return s.registry.loading_progress; }},
    {"requests_running", "gauge", "Requests that are being computed", nullptr,
     [](const EngineStats& e) { return static_cast<double>(e.running); }},
    {"requests_waiting", "gauge", "Requests in the queue of the engine", nullptr,
     [](const EngineStats& e) { return static_cast<double>(e.waiting); }},
    {"embeddings_waiting", "gauge", "Requests for embeddings that are not done", nullptr,
     [](const EngineStats& e) { return static_cast<double>(e.embed_waiting); }},
    {"kv_pages", "gauge", "Pages of the KV cache", nullptr,
     [](const EngineStats& e) { return static_cast<double>(e.pages_total); }},
    {"kv_pages_free", "gauge", "Pages of the KV cache that no running request holds; they may keep prefixes",
     nullptr, [](const EngineStats& e) { return static_cast<double>(e.pages_free); }},
    {"steps_total", "counter", "Forward passes", nullptr,
     [](const EngineStats& e) { return static_cast<double>(e.steps); }},
    {"prompt_tokens_total", "counter", "Tokens of prompts, found in the cache or computed", nullptr,
     [](const EngineStats& e) { return static_cast<double>(e.prompt_tokens); }},
    {"completion_tokens_total", "counter", "Tokens that were generated", nullptr,
     [](const EngineStats& e) { return static_cast<double>(e.completion_tokens); }},
    {"draft_tokens_total", "counter", "Guessed tokens that were checked (speculative decoding)", nullptr,
     [](const EngineStats& e) { return static_cast<double>(e.draft_tokens); }},
    {"draft_tokens_accepted_total", "counter", "Guessed tokens that came true: steps that were saved",
     nullptr, [](const EngineStats& e) { return static_cast<double>(e.draft_tokens_accepted); }},
    {"embedded_texts_total", "counter", "Texts that were embedded or ranked", nullptr,
     [](const EngineStats& e) { return static_cast<double>(e.embed_texts); }},
};

// Backslash, quote and line break, as the format wants them in a label.
std::string label_escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\' || c == '"') out += '\\';
        c == '\n' ? out += "\\n" : out += c;
    }
    return out;
}

}  // namespace

std::span<const Metric> all_metrics() { return kMetrics; }

std::string metrics_text(const MetricsSource& source) {
    const std::string model = fmt::format(R"({{model="{}"}})", label_escaped(source.registry.current_id));
    std::string out;
    for (const Metric& metric : kMetrics) {
        if (!metric.of_server && !source.engine) continue;
        out += fmt::format("# HELP shimmy_{0} {1}\n# TYPE shimmy_{0} {2}\nshimmy_{0}{3} {4}\n", metric.name,
                           metric.help, metric.type, metric.of_server ? "" : model,
                           metric.of_server ? metric.of_server(source) : metric.of_engine(*source.engine));
    }
    return out;
}

std::unique_ptr<Reply> handle_metrics(ApiContext& context, ApiRequest) {
    MetricsSource source{context.service.uptime_s(), context.service.registry().status(), {}};
    if (const ModelLease lease = context.service.registry().current()) {
        source.registry.current_id = lease->id;
        source.engine = lease->engine->stats();
    }
    return ready_reply(
        {.head = {.content_type = "text/plain; version=0.0.4; charset=utf-8"}, .body = metrics_text(source)});
}

}  // namespace shimmy
