#include "shimmy/app/serving_options.h"

#include <algorithm>
#include <chrono>

namespace shimmy {

void add_serving_options(CLI::App& command, ServingOptions& options) {
    command
        .add_option("--batch-tokens", options.batch_tokens,
                    "Tokens computed in one step, of all requests together")
        ->check(CLI::Range(1, 1 << 16))
        ->capture_default_str();
    command.add_option("--streams", options.streams, "Requests that run at once; more wait in the queue")
        ->check(CLI::Range(1, 4096))
        ->capture_default_str();
    command
        .add_option("--queue", options.queue,
                    "Requests that may wait; more are refused with 429 and told when to come back")
        ->check(CLI::Range(1, 1 << 20))
        ->capture_default_str();
    command
        .add_option(
            "--kv-tokens", options.kv_tokens,
            "Tokens kept for all requests and their prefixes together; 0: four contexts, at most 16384 or "
            "half the memory")
        ->check(CLI::Range(0, 1 << 30));
    command
        .add_option("--deadline", options.deadline_s,
                    "Seconds a request may take, waiting included; 0: as long as it needs")
        ->check(CLI::Range(0.0, 1e6));
    command
        .add_option(
            "--speculate", options.speculate,
            "Guess tokens from the text so far and check several at once, which changes nothing but the "
            "speed: off, auto (where it pays), always")
        ->check(CLI::IsMember({"off", "auto", "always"}))
        ->capture_default_str();
    command.add_option("--draft-model", options.draft_model,
                       "A small model of the same vocabulary, an id or a GGUF file, that guesses what comes "
                       "next; the guesses are checked, so it changes nothing but the speed");
    command
        .add_option("--draft-max", options.draft_max, "Guesses checked at once, by either way of guessing")
        ->check(CLI::Range(1, 5))
        ->capture_default_str();
    command
        .add_option("--pooling", options.pooling,
                    "How the rows of a text become its vector, instead of what each model's file says: mean, "
                    "cls, last, or rank (no vectors: the model only ranks)")
        ->check(CLI::IsMember({"mean", "cls", "last", "rank"}));
    command.add_option(
        "--cache-dir", options.cache_dir,
        "Keep the prompts' keys and values in this folder between runs and while other models are "
        "loaded");
    command.add_option("--cache-dir-mb", options.cache_dir_mb, "What that folder may take, in MiB")
        ->check(CLI::Range(1, 1 << 24))
        ->capture_default_str();
}

namespace {

airframe::Speculation speculation_of(const std::string& name) {
    if (name == "off") return airframe::Speculation::kOff;
    return name == "always" ? airframe::Speculation::kAlways : airframe::Speculation::kWhereItPays;
}

}  // namespace

airframe::EngineOptions engine_options(const ServingOptions& serving, const GlobalOptions& global) {
    airframe::EngineOptions options{
        .ctx_tokens = global.ctx_tokens,
        .kv_tokens = serving.kv_tokens,
        .batch_tokens = serving.batch_tokens,
        .prefill_chunk = global.prefill_chunk,
        .max_sequences = serving.streams,
        .queue = serving.queue,
        .kv_type = airframe::kv_type_of(global.kv_quant).value_or(airframe::KvType::kF16),
        .rope_scale = global.rope_scale};
    options.draft_tokens_max = serving.draft_max;
    options.speculation = speculation_of(serving.speculate);
    if (const auto pooling = airframe::pooling_of(serving.pooling)) options.pooling = *pooling;
    options.cache_dir = serving.cache_dir;
    options.cache_dir_bytes = serving.cache_dir_mb << 20;
    if (serving.deadline_s > 0)
        options.deadline = std::chrono::nanoseconds(static_cast<int64_t>(serving.deadline_s * 1e9));
    return options;
}

}  // namespace shimmy
