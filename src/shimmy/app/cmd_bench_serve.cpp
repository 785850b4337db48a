// The command line of bench --serve: loads the engine, measures each number of streams, reports.
#include "shimmy/app/cmd_bench_serve.h"

#include <boost/json.hpp>

#include <algorithm>
#include <fstream>

#include "base/log.h"
#include "base/system.h"
#include "shimmy/app/json_text.h"
#include "shimmy/app/load_model.h"
#include "shimmy/app/model_loader.h"
#include "shimmy/app/terminal.h"
#include "shimmy/app/version.h"

namespace shimmy {
namespace json = boost::json;
namespace {

struct Report {
    std::vector<ServeLoad> loads;
    std::optional<LongPrompt> long_prompt;
};

// Room for every stream at once: what is measured is computing, not putting aside.
ServingOptions with_room(const ServeBenchOptions& options) {
    ServingOptions serving = options.serving;
    const uint32_t most = std::ranges::max(options.streams);
    serving.streams = std::max(serving.streams, most);
    serving.queue = std::max(serving.queue, most);
    return serving;
}

base::Result<std::unique_ptr<LoadedModel>> load(const ModelEntry& entry, const ServeBenchOptions& options,
                                                const GlobalOptions& given) {
    constexpr uint32_t kPage = 32, kRunningMax = 2048;
    GlobalOptions global = given;
    ServingOptions serving = with_room(options);
    const uint32_t each = options.lengths.prompt_tokens + options.lengths.output_tokens + kPage;
    if (global.ctx_tokens == 0)
        global.ctx_tokens =
            std::max({each, options.long_prompt + kPage, options.long_prompt > 0 ? kRunningMax : 0});
    if (serving.kv_tokens == 0)
        serving.kv_tokens = std::max(std::ranges::max(options.streams) * each,
                                     options.long_prompt > 0 ? 5 * global.ctx_tokens : global.ctx_tokens);
    return make_model_loader(global, {}, serving).load(entry, {});
}

base::Result<Report> measure(airframe::Engine& engine, const ServeBenchOptions& options) {
    Report report;
    TRY_VOID(measure_load(engine, 2, {std::min(options.lengths.prompt_tokens, 64u), 4}));  // to warm up
    for (const uint32_t streams : options.streams) {
        TRY(report.loads.emplace_back(), measure_load(engine, streams, options.lengths));
        if (!options.as_json && base::is_terminal(2)) fmt::print(stderr, "\r{} streams measured", streams);
    }
    if (!options.as_json && base::is_terminal(2)) fmt::print(stderr, "\r\033[K");
    if (options.long_prompt > 0) {
        TRY(report.long_prompt, measure_long_prompt(engine, 4, options.long_prompt));
    }
    return report;
}

json::object to_json(const Percentiles& p) {
    return {{"p50", p.p50}, {"p95", p.p95}, {"p99", p.p99}, {"max", p.max}};
}

void print_as_json(const Report& report, const ModelEntry& entry, const ServeBenchOptions& options) {
    json::array loads;
    for (const ServeLoad& load : report.loads)
        loads.push_back(json::object{{"streams", load.streams},
                                     {"seconds", load.seconds},
                                     {"output_tokens_per_s", load.output_tokens_per_s},
                                     {"all_tokens_per_s", load.all_tokens_per_s},
                                     {"ttft_s", to_json(load.first_token_s)},
                                     {"inter_token_s", to_json(load.between_tokens_s)},
                                     {"accepted_draft_share", load.accepted_draft_share}});
    json::object out{{"model", entry.id},
                     {"version", kVersion},
                     {"commit", kCommit},
                     {"prompt_tokens", options.lengths.prompt_tokens},
                     {"output_tokens", options.lengths.output_tokens},
                     {"loads", std::move(loads)}};
    if (report.long_prompt)
        out["long_prompt"] = json::object{{"streams", report.long_prompt->streams},
                                          {"prompt_tokens", report.long_prompt->prompt_tokens},
                                          {"ttft_s", report.long_prompt->first_token_s},
                                          {"quiet_inter_token_s", report.long_prompt->quiet_median_s},
                                          {"inter_token_s", to_json(report.long_prompt->between_tokens_s)}};
    print_json(out);
}

void print_as_text(const Report& report, const ModelEntry& entry, const ServeBenchOptions& options) {
    fmt::print("{}: prompts of {} tokens, answers of {}; times in ms\n\n", entry.id,
               options.lengths.prompt_tokens, options.lengths.output_tokens);
    std::vector<std::vector<std::string>> rows = {
        {"STREAMS", "TOKENS/S", "WITH PROMPTS", "FIRST p50", "p95", "p99", "BETWEEN p50", "p95", "p99"}};
    const auto ms = [](double seconds) { return fmt::format("{:.1f}", seconds * 1e3); };
    for (const ServeLoad& load : report.loads)
        rows.push_back({std::to_string(load.streams), fmt::format("{:.1f}", load.output_tokens_per_s),
                        fmt::format("{:.1f}", load.all_tokens_per_s), ms(load.first_token_s.p50),
                        ms(load.first_token_s.p95), ms(load.first_token_s.p99), ms(load.between_tokens_s.p50),
                        ms(load.between_tokens_s.p95), ms(load.between_tokens_s.p99)});
    fmt::print("{}", format_table(rows));
    if (!report.long_prompt) return;
    const LongPrompt& long_prompt = *report.long_prompt;
    fmt::print(
        "\na prompt of {} tokens arrives beside {} streams: computed in {:.1f} s; between tokens {} ms "
        "before, then "
        "p50 {}, p95 {}, p99 {}, at most {} ms ({:.1f} times the median before)\n",
        long_prompt.prompt_tokens, long_prompt.streams, long_prompt.first_token_s,
        ms(long_prompt.quiet_median_s), ms(long_prompt.between_tokens_s.p50),
        ms(long_prompt.between_tokens_s.p95), ms(long_prompt.between_tokens_s.p99),
        ms(long_prompt.between_tokens_s.max),
        long_prompt.between_tokens_s.max / std::max(long_prompt.quiet_median_s, 1e-9));
}

}  // namespace

base::Result<void> run_serve_bench(const ModelEntry& entry, const ServeBenchOptions& options,
                                   const GlobalOptions& global) {
    if (!base::env("SHIMMY_LOG_LEVEL")) base::set_log_level("warn");
    TRY(const auto model, load(entry, options, global));
    TRY(const Report report, measure(*model->engine, options));
    if (options.as_json)
        print_as_json(report, entry, options);
    else
        print_as_text(report, entry, options);
    if (options.svg_path.empty()) return {};
    std::ofstream file(options.svg_path);
    file << throughput_svg(fmt::format("{}: output tokens per second by streams", entry.id), report.loads);
    file.close();
    if (!file) return base::fail(base::ErrorCode::kIo, "cannot write {}", options.svg_path);
    return {};
}

}  // namespace shimmy
