// GET /, /health, /live, /ready and /diag.
#include <fmt/chrono.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/system.h"
#include "shimmy/api/handlers.h"
#include "shimmy/api/json_write.h"

namespace shimmy {

namespace {

constexpr std::string_view kIndexPage = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Shimmy</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem}}
pre{{background:#8882;padding:1rem;overflow-x:auto}}:root{{color-scheme:light dark}}</style></head><body>
<h1>Shimmy {0}</h1>
<p>A server for GGUF models that speaks the OpenAI API. It is running.</p>
<p>Base URL for OpenAI clients: <code>{1}/v1</code> (any API key will do)</p>
<pre>curl {1}/v1/chat/completions -H 'Content-Type: application/json' \
  -d '{{"model":"{2}","messages":[{{"role":"user","content":"Hello!"}}]}}'</pre>
<p><a href="/v1/models">Models</a> · <a href="/health">Health</a></p>
</body></html>
)";

std::string html_escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '&':
                out += "&amp;";
                break;
            case '\'':
                out += "&#39;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

uint64_t memory_total_mb() {
    const auto pages = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES));
    return pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) >> 20;
}

size_t count_from_discovery(const std::vector<ModelEntry>& entries) {
    return static_cast<size_t>(std::ranges::count_if(entries, [](const ModelEntry& entry) {
        return entry.source != "built-in" && entry.source != "command line";
    }));
}

std::string health_body(ApiContext& context) {
    const std::vector<ModelEntry> entries = context.service.catalog().entries();
    const size_t discovered = count_from_discovery(entries);
    const RegistryStatus status = context.service.registry().status();
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("status").value("ok").key("service").value("shimmy").key("version").value(
        context.version);
    json.key("models").begin_object();
    json.key("total").value(entries.size()).key("discovered").value(discovered);
    json.key("manual").value(entries.size() - discovered);
    json.key("loaded").value(status.current_id).key("loading").value(status.loading_id);
    json.key("loading_progress").value(status.loading_progress).key("waiting_requests").value(status.waiting);
    json.end_object();
    json.key("endpoints").begin_object();
    json.key("health").value("/health").key("models").value("/v1/models");
    json.key("chat").value("/v1/chat/completions").key("completions").value("/v1/completions");
    json.end_object();
    json.key("compatibility").begin_object().key("openai").value(true).key("cors").value(true).end_object();
    const auto now = static_cast<std::time_t>(base::unix_seconds());
    json.key("timestamp").value(fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now)));
    json.key("uptime_seconds").value(static_cast<int64_t>(context.service.uptime_s()));
    json.end_object();
    return out;
}

}  // namespace

std::unique_ptr<Reply> handle_index(ApiContext& context, ApiRequest) {
    const std::string model = context.service.catalog().default_id();
    Response response;
    response.head.content_type = "text/html; charset=utf-8";
    response.body = fmt::format(kIndexPage, html_escaped(context.version), html_escaped(context.base_url),
                                html_escaped(model));
    return ready_reply(std::move(response));
}

// Asked often (probes, load balancers): built once per second, and anew when the models' state has changed.
std::unique_ptr<Reply> handle_health(ApiContext& context, ApiRequest) {
    struct Cached {
        const Service* service = nullptr;
        int64_t second = 0;
        uint64_t version = 0;
        std::string body;
    };
    thread_local Cached cached;
    const int64_t second = base::unix_seconds();
    const uint64_t version = context.service.registry().version();
    if (cached.service != &context.service || cached.second != second || cached.version != version) {
        cached = {&context.service, second, version, health_body(context)};
    }
    return ready_reply({.head = {}, .body = cached.body});
}

// The process runs and answers.
std::unique_ptr<Reply> handle_live(ApiContext&, ApiRequest) {
    return ready_reply({.head = {}, .body = R"({"status":"ok"})"});
}

// Requests are taken: models load on demand, so nothing else has to be there first.
std::unique_ptr<Reply> handle_ready(ApiContext& context, ApiRequest) {
    const RegistryStatus status = context.service.registry().status();
    Response response;
    JsonWriter json(response.body);
    json.begin_object().key("status").value("ok").key("loaded").value(status.current_id);
    json.key("loading").value(status.loading_id).end_object();
    return ready_reply(std::move(response));
}

std::unique_ptr<Reply> handle_diag(ApiContext& context, ApiRequest) {
    Response response;
    JsonWriter json(response.body);
    json.begin_object().key("os").value("linux").key("cores").value(base::usable_cpus());
    json.key("mem_total_mb").value(memory_total_mb()).key("version").value(context.version);
    json.end_object();
    return ready_reply(std::move(response));
}

}  // namespace shimmy
