// shimmy bench: how fast this machine reads a prompt and writes an answer. Medians of several runs, with
// their spread.

#include <boost/json.hpp>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "airframe/model/lone_sequence.h"
#include "base/rng.h"
#include "base/system.h"
#include "shimmy/app/cmd_bench_serve.h"
#include "shimmy/app/command.h"
#include "shimmy/app/json_text.h"
#include "shimmy/app/load_model.h"
#include "shimmy/app/models.h"
#include "shimmy/app/terminal.h"
#include "shimmy/app/version.h"

namespace shimmy {
namespace json = boost::json;
namespace {

struct BenchOptions {
    std::string model;
    uint32_t prompt_tokens = 512;
    uint32_t decode_tokens = 128;
    uint32_t runs = 5;
    bool as_json = false;
    bool serve = false;
    ServeBenchOptions load;
};

struct Rate {
    double median = 0, min = 0, max = 0;  // tokens per second
};

Rate rate_of(std::vector<double> samples) {
    if (samples.empty()) return {};
    std::ranges::sort(samples);
    const size_t half = samples.size() / 2;
    const double median = samples.size() % 2 == 1 ? samples[half] : (samples[half - 1] + samples[half]) / 2;
    return {median, samples.front(), samples.back()};
}

// FNV-1a over the bits of the last logits: the same build, model and settings give the same hash.
class LogitsHash {
  public:
    void add(std::span<const float> logits) {
        for (const float logit : logits) {
            uint32_t bits;
            std::memcpy(&bits, &logit, sizeof bits);
            hash_ = (hash_ ^ bits) * 0x100000001b3u;
        }
    }
    std::string text() const { return fmt::format("{:016x}", hash_); }

  private:
    uint64_t hash_ = 0xcbf29ce484222325u;
};

struct Measured {
    Rate prefill, decode;
    std::string hash;
};

std::vector<int32_t> random_tokens(size_t count, uint32_t vocab) {
    base::Rng rng(1);
    std::vector<int32_t> tokens(count);
    for (int32_t& token : tokens) token = static_cast<int32_t>(rng.next_below(vocab));
    return tokens;
}

// One warm-up run, then the measured ones. Decoding feeds fixed tokens: speed does not depend on which they
// are.
base::Result<Measured> measure(airframe::Model& model, const BenchOptions& options) {
    const auto prompt = random_tokens(options.prompt_tokens, model.spec().vocab);
    const auto answer = random_tokens(options.decode_tokens, model.spec().vocab);
    TRY(auto sequence, airframe::LoneSequence::create(model, options.prompt_tokens + options.decode_tokens));
    std::vector<double> prefill, decode;
    LogitsHash hash;
    for (uint32_t run = 0; run <= options.runs; ++run) {
        hash = {};
        sequence.clear();
        double prefill_s = 0;
        const auto start = base::Clock::now();
        if (!prompt.empty()) {
            TRY(const auto logits, sequence.append(prompt));
            prefill_s = base::seconds_since(start);
            hash.add(logits);
        }
        double decode_s = 0;  // of the steps alone: the hash is the bench's own work
        for (const int32_t& token : answer) {
            const auto step = base::Clock::now();
            TRY(const auto logits, sequence.append({&token, 1}));
            decode_s += base::seconds_since(step);
            hash.add(logits);
        }
        if (run == 0) continue;
        if (!prompt.empty()) prefill.push_back(static_cast<double>(prompt.size()) / prefill_s);
        if (!answer.empty()) decode.push_back(static_cast<double>(answer.size()) / decode_s);
    }
    return Measured{rate_of(std::move(prefill)), rate_of(std::move(decode)), hash.text()};
}

json::object to_json(const Rate& rate) { return {{"min", rate.min}, {"max", rate.max}}; }

void report(const BenchOptions& options, const ModelEntry& entry, airframe::Model& model, int threads,
            const Measured& measured) {
    if (options.as_json) {
        print_json(json::object{{"model", entry.id},
                                {"path", entry.path.string()},
                                {"weights_bytes", entry.bytes},
                                {"backend", model.backend().name()},
                                {"isa", model.description()},
                                {"threads", threads},
                                {"version", kVersion},
                                {"commit", kCommit},
                                {"prompt_tokens", options.prompt_tokens},
                                {"decode_tokens", options.decode_tokens},
                                {"runs", options.runs},
                                {"prefill_tps", measured.prefill.median},
                                {"decode_tps", measured.decode.median},
                                {"prefill_tps_spread", to_json(measured.prefill)},
                                {"decode_tps_spread", to_json(measured.decode)},
                                {"logits_hash", measured.hash}});
        return;
    }
    const auto row = [](std::string what, uint32_t tokens, const Rate& rate) -> std::vector<std::string> {
        return {std::move(what), fmt::format("{}", tokens), fmt::format("{:.1f}", rate.median),
                fmt::format("{:.1f} to {:.1f}", rate.min, rate.max)};
    };
    fmt::print("{} ({}), {}\n\n", entry.id, describe(entry.facts()), model.description());
    fmt::print("{}", format_table({{"", "TOKENS", "TOKENS/S", "SPREAD"},
                                   row("reading the prompt", options.prompt_tokens, measured.prefill),
                                   row("writing", options.decode_tokens, measured.decode)}));
    fmt::print("\nmedian of {} runs; weights read while writing: {}/s; logits {}\n", options.runs,
               format_bytes(static_cast<uint64_t>(measured.decode.median * static_cast<double>(entry.bytes))),
               measured.hash);
}

base::Result<int> run_bench(const BenchOptions& options, const GlobalOptions& global) {
    TRY(const ModelEntry entry, resolve_model(options.model, global));
    if (options.serve) {
        ServeBenchOptions load = options.load;
        load.lengths = {options.prompt_tokens, options.decode_tokens};
        load.as_json = options.as_json;
        if (load.streams.empty()) load.streams = {1, 4, 8, 16, 32};
        TRY_VOID(run_serve_bench(entry, load, global));
        return kExitOk;
    }
    GlobalOptions with_threads = global;
    if (with_threads.threads == 0) with_threads.threads = base::usable_cpus();
    TRY(const auto model, load_model(entry, with_threads));
    TRY(const Measured measured, measure(*model, options));
    report(options, entry, *model, with_threads.threads, measured);
    return kExitOk;
}

}  // namespace

void add_bench(CommandLine line) {
    auto options = std::make_shared<BenchOptions>();
    CLI::App* command =
        line.add(options, "bench", "Measure how fast a model reads and writes here", run_bench);
    add_model_argument(*command, options->model);
    command
        ->add_option("-p,--prompt-tokens", options->prompt_tokens,
                     "Length of the prompt; 0: do not measure it")
        ->check(CLI::Range(0, 1 << 20))
        ->capture_default_str();
    command->add_option("-n,--decode-tokens", options->decode_tokens, "Tokens to write; 0: do not measure it")
        ->check(CLI::Range(0, 1 << 20))
        ->capture_default_str();
    command->add_option("-r,--runs", options->runs, "Measured runs, after one to warm up")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    command->add_flag("--serve", options->serve, "Measure the engine under many requests at once instead");
    command
        ->add_option("--load", options->load.streams,
                     "With --serve: how many requests at once, measured one after the other (1,4,8,16,32)")
        ->delimiter(',')
        ->check(CLI::Range(1, 4096));
    command
        ->add_option(
            "--long-prompt", options->load.long_prompt,
            "With --serve: also let a prompt of so many tokens arrive while four requests are answered")
        ->check(CLI::Range(0, 1 << 20));
    command->add_option("--svg", options->load.svg_path,
                        "With --serve: write a plot of tokens per second against requests to this file");
    add_serving_options(*command, options->load.serving);
    command->add_flag("--json", options->as_json, "For scripts: prefill_tps and decode_tps are medians");
    command->footer(
        "Examples:\n"
        "  shimmy bench llama-3.2-1b-instruct-q4-k-m\n"
        "  shimmy bench model.gguf -p 2048 -n 256 --threads 8\n"
        "  shimmy bench model.gguf --serve -p 256 -n 64 --svg plot.svg\n"
        "  shimmy bench model.gguf --json | jq .decode_tps");
}

}  // namespace shimmy
