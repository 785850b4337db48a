// One token from 128,000 logits: each sampling stage alone and the usual settings.
//
//   sampler_bench
#include <benchmark/benchmark.h>

#include <cmath>

#include "airframe/engine/fake_model.h"
#include "airframe/engine/sampler.h"

namespace airframe {
namespace {

constexpr size_t kVocab = 128'000;

const SamplingParams kOpen = {.temperature = 1, .top_k = 0, .top_p = 1};

template <class Change>
SamplingParams with(Change change) {
    SamplingParams params = kOpen;
    change(params);
    return params;
}

void sample(benchmark::State& state, const SamplingParams& params) {
    base::Rng rng(4);
    std::vector<float> logits(kVocab);
    for (float& x : logits)
        x = static_cast<float>(3 * std::sqrt(-2 * std::log(1 - rng.next_double())) *
                               std::cos(6.283185307 * rng.next_double()));
    std::vector<TokenId> tokens(2000);
    for (TokenId& token : tokens) token = static_cast<TokenId>(rng.next_below(26));
    const FakeTokenizer tokenizer = FakeTokenizer::letters();
    SamplerScratch scratch;
    scratch.reserve(kVocab, tokens.size());
    Sampler sampler(params, 1, {}, &tokenizer);
    for (auto _ : state) benchmark::DoNotOptimize(sampler.sample(logits, tokens, 1, scratch));
}

}  // namespace
}  // namespace airframe

int main(int argc, char** argv) {
    using airframe::SamplingParams;
    const std::pair<const char*, SamplingParams> cases[] = {
        {"greedy", {.temperature = 0}},
        {"top_k_40_top_p_0.95", {.temperature = 0.7f, .top_k = 40, .top_p = 0.95f}},
        {"open", airframe::kOpen},
        {"top_p", airframe::with([](SamplingParams& p) { p.top_p = 0.95f; })},
        {"typical", airframe::with([](SamplingParams& p) { p.typical_p = 0.9f; })},
        {"top_n_sigma", airframe::with([](SamplingParams& p) { p.top_n_sigma = 1; })},
        {"xtc", airframe::with([](SamplingParams& p) { p.xtc_probability = 0.5f; })},
        {"mirostat", airframe::with([](SamplingParams& p) { p.mirostat = 2; })},
        {"dynamic_temperature", airframe::with([](SamplingParams& p) { p.dynatemp_range = 0.5f; })},
        {"dry_over_2000_tokens", airframe::with([](SamplingParams& p) {
             p.top_k = 40;
             p.dry_multiplier = 0.8f;
         })},
    };
    for (const auto& [name, params] : cases)
        benchmark::RegisterBenchmark(name, airframe::sample, params)->Unit(benchmark::kMicrosecond);
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
