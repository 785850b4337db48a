#include "airframe/engine/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "airframe/engine/fake_model.h"

namespace airframe {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
const SamplingParams kPlain = {.temperature = 1, .top_k = 0, .top_p = 1};

std::vector<float> random_logits(size_t n, uint64_t seed) {
    base::Rng rng(seed);
    std::vector<float> logits(n);
    for (float& x : logits)
        x = static_cast<float>(3 * std::sqrt(-2 * std::log(1 - rng.next_double())) *
                               std::cos(6.283185307 * rng.next_double()));
    return logits;
}

TokenId sample(const SamplingParams& params, std::vector<float> logits, std::vector<TokenId> tokens = {0},
               size_t prompt_tokens = 1, uint64_t seed = 1) {
    SamplerScratch scratch;
    const std::vector<float> before = logits;
    Sampler sampler(params, seed, {});
    const auto token = sampler.sample(logits, tokens, prompt_tokens, scratch);
    EXPECT_EQ(logits, before) << "sampling must leave the row as it was";
    EXPECT_TRUE(token) << token.error().message;
    return token.value_or(-1);
}

// How often each token was drawn.
std::map<TokenId, double> frequencies(const SamplingParams& params, std::vector<float> logits,
                                      int draws = 20000) {
    SamplerScratch scratch;
    Sampler sampler(params, 5, {});
    std::map<TokenId, double> counts;
    const std::vector<TokenId> tokens = {0};
    for (int i = 0; i < draws; ++i) counts[*sampler.sample(logits, tokens, 1, scratch)] += 1.0 / draws;
    return counts;
}

// The same stages as a person would write them: sort, then cut.
std::map<TokenId, double> expected(const SamplingParams& params, const std::vector<float>& logits) {
    std::vector<TokenId> ids(logits.size());
    std::iota(ids.begin(), ids.end(), 0);
    const auto at = [&](TokenId id) { return static_cast<double>(logits[static_cast<size_t>(id)]); };
    std::ranges::stable_sort(ids, [&](TokenId a, TokenId b) { return at(a) > at(b); });
    if (params.top_k > 0) ids.resize(std::min(ids.size(), static_cast<size_t>(params.top_k)));
    double sum = 0, mass = 0;
    for (const TokenId id : ids) sum += std::exp(at(id));
    size_t kept = 0;
    while (kept < ids.size() && (kept == 0 || mass < static_cast<double>(params.top_p) * sum))
        mass += std::exp(at(ids[kept++]));
    ids.resize(kept);
    std::erase_if(ids, [&, best = at(ids[0])](TokenId id) {
        return std::exp(at(id) - best) < static_cast<double>(params.min_p);
    });
    std::map<TokenId, double> result;
    sum = 0;
    for (const TokenId id : ids) sum += std::exp(at(id) / static_cast<double>(params.temperature));
    for (const TokenId id : ids)
        result[id] = std::exp(at(id) / static_cast<double>(params.temperature)) / sum;
    return result;
}

TEST(Sampler, GreedyTakesTheLargestAndTheLowestIdAmongEquals) {
    EXPECT_EQ(sample({.temperature = 0}, {1, 3, 2, 3}), 1);
    EXPECT_EQ(sample({.temperature = 0}, std::vector<float>(100, -2.0f)), 0);
}

TEST(Sampler, DrawsFromTheDistributionThatItsStagesLeave) {
    const auto logits = random_logits(50, 3);
    const SamplingParams cases[] = {
        kPlain,
        {.temperature = 1, .top_k = 5, .top_p = 1},
        {.temperature = 1, .top_k = 0, .top_p = 0.7f},
        {.temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0.1f},
        {.temperature = 0.5f, .top_k = 20, .top_p = 0.9f, .min_p = 0.02f},
        {.temperature = 3, .top_k = 0, .top_p = 1},
        {.temperature = 1, .top_k = 1, .top_p = 1},
        {.temperature = 1, .top_k = 0, .top_p = 0},
    };
    for (const auto& params : cases) {
        const auto drawn = frequencies(params, logits);
        const auto wanted = expected(params, logits);
        for (const auto& [id, p] : drawn) {
            ASSERT_TRUE(wanted.contains(id)) << "token " << id << " should have been cut";
            EXPECT_NEAR(p, wanted.at(id), 0.015) << "token " << id;
        }
    }
}

TEST(Sampler, CutsALargeVocabularyExactlyWhereASortWould) {
    for (const uint64_t seed : {1, 2, 3}) {
        const auto logits = random_logits(5000, seed);
        for (const float top_p : {0.1f, 0.5f, 0.9f, 0.999f}) {
            std::vector<Candidate> candidates, ranked;
            take_near_best(logits, 1000, candidates);
            const Candidate last = last_of_nucleus(candidates, top_p, ranked);
            const auto kept = std::ranges::count_if(logits, [&](float x) { return x >= last.logit; });
            const SamplingParams params = {.temperature = 1, .top_k = 0, .top_p = top_p};
            EXPECT_NEAR(static_cast<double>(kept), static_cast<double>(expected(params, logits).size()), 1);
        }
        for (const size_t k : {1u, 40u, 1024u, 1025u, 5000u}) {
            std::vector<Candidate> candidates;
            take_top(logits, k, candidates);
            auto sorted = logits;
            std::ranges::sort(sorted, std::greater());
            ASSERT_EQ(candidates.size(), k);
            EXPECT_TRUE(std::ranges::is_sorted(candidates, {}, &Candidate::id));
            EXPECT_TRUE(std::ranges::all_of(candidates,
                                            [&](const Candidate& c) { return c.logit >= sorted[k - 1]; }));
        }
    }
}

TEST(Sampler, TheSameSeedDrawsTheSameTokens) {
    const auto logits = random_logits(1000, 9);
    const SamplingParams params = {.temperature = 1, .top_k = 100, .top_p = 1};
    bool differs = false;
    for (uint64_t seed = 0; seed < 20; ++seed) {
        const TokenId token = sample(params, logits, {0}, 1, seed);
        EXPECT_EQ(token, sample(params, logits, {0}, 1, seed));
        differs |= token != sample(params, logits, {0}, 1, seed + 100);
    }
    EXPECT_TRUE(differs);
}

TEST(Sampler, BiasAddsAndForbids) {
    const SamplingParams greedy = {.temperature = 0, .logit_bias = {{2, 5.0f}}};
    EXPECT_EQ(sample(greedy, {3, 1, 0, 2}), 2);
    EXPECT_EQ(sample({.temperature = 0, .logit_bias = {{0, -kInf}}}, {3, 1, 0, 2}), 3);
    for (const auto& [id, p] :
         frequencies({.temperature = 1, .top_k = 2, .top_p = 1, .logit_bias = {{0, -kInf}}}, {9, 1, 0.5f, 1}))
        EXPECT_NE(id, 0);
}

TEST(Sampler, ForbiddingEverythingIsAnError) {
    for (const float temperature : {0.0f, 1.0f}) {
        const SamplingParams params = {.temperature = temperature, .logit_bias = {{0, -kInf}, {1, -kInf}}};
        SamplerScratch scratch;
        std::vector<float> logits = {1, 2};
        Sampler sampler(params, 1, {});
        const auto token = sampler.sample(logits, std::vector<TokenId>{0}, 1, scratch);
        ASSERT_FALSE(token);
        EXPECT_EQ(token.error().param, "logit_bias");
        EXPECT_EQ(logits, (std::vector<float>{1, 2}));
    }
}

TEST(Sampler, RepetitionPenaltySeesPromptAndAnswerWithinItsWindow) {
    const SamplingParams params = {.temperature = 0, .repeat_penalty = 2, .repeat_last_n = 2};
    EXPECT_EQ(sample(params, {4, 3, 1}, {0, 2}, 1), 1);        // 4 / 2 < 3
    EXPECT_EQ(sample(params, {4, 3, 1}, {0, 2, 2}, 1), 0);     // outside the window
    EXPECT_EQ(sample(params, {-1, -1.5f, -9}, {0, 2}, 1), 1);  // negative ones grow
    EXPECT_EQ(sample({.temperature = 0, .repeat_penalty = 2, .repeat_last_n = -1}, {4, 3, 1}, {0, 2, 2}, 1),
              1);
}

TEST(Sampler, FrequencyAndPresenceCountGeneratedTokensOnly) {
    const SamplingParams frequency = {.temperature = 0, .frequency_penalty = 1};
    EXPECT_EQ(sample(frequency, {4, 3, 0}, {0, 0, 0}, 3), 0);
    EXPECT_EQ(sample(frequency, {4, 3, 0}, {2, 0}, 1), 0);  // 4 - 1 equals 3: the lower id
    EXPECT_EQ(sample(frequency, {4, 3, 0}, {2, 0, 0}, 1), 1);
    EXPECT_EQ(sample({.temperature = 0, .presence_penalty = 1.5f}, {4, 3, 0}, {2, 0, 0}, 1), 1);
}

TEST(Sampler, ValuesThatAreNoNumbersEndThisRequestOnly) {
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), kInf, -kInf})
        for (const size_t at : {0u, 17u, 99u}) {
            auto logits = random_logits(100, 1);
            logits[at] = bad;
            SamplerScratch scratch;
            Sampler sampler(kPlain, 1, {});
            const auto token = sampler.sample(logits, std::vector<TokenId>{0}, 1, scratch);
            ASSERT_FALSE(token);
            EXPECT_EQ(token.error().code, base::ErrorCode::kNumeric);
        }
}

TEST(Sampler, ExtremeParametersStillDraw) {
    auto logits = random_logits(1000, 2);
    logits[7] = 3e38f;
    logits[8] = -3e38f;
    for (const float temperature : {1e-45f, 1e-30f, 1.0f, 100.0f})
        EXPECT_EQ(sample({.temperature = temperature, .top_k = 0, .top_p = 1}, logits), 7);
}

TEST(ExpOfNegative, IsExp) {
    for (double x = 0; x > -87; x -= 0.00137) {
        const double wanted = std::exp(static_cast<double>(static_cast<float>(x)));
        ASSERT_NEAR(static_cast<double>(exp_of_negative(static_cast<float>(x))) / wanted, 1, 3e-7) << x;
    }
    for (const float x : {-88.0f, -1e30f, -kInf}) EXPECT_EQ(exp_of_negative(x), 0);
    EXPECT_EQ(exp_of_negative(0), 1);
}

TEST(LastOfNucleus, HoldsAtTheEdges) {
    std::vector<Candidate> ranked;
    const std::vector<Candidate> equal = {{1, 0}, {1, 1}, {1, 2}, {1, 3}},
                                 far = {{0, 0}, {-1000, 1}, {-kInf, 2}};
    EXPECT_EQ(last_of_nucleus(equal, 0, ranked).id, 0);
    EXPECT_EQ(last_of_nucleus(equal, 0.5f, ranked).id, 1);
    EXPECT_EQ(last_of_nucleus(equal, 0.51f, ranked).id, 2);
    EXPECT_EQ(last_of_nucleus(equal, 1, ranked).id, 3);
    EXPECT_EQ(last_of_nucleus(far, 0.999f, ranked).id, 0);
}

TEST(RawLogprobs, AreTheModelsOwnDistribution) {
    const std::vector<float> logits = {1, 2, 3, -1000};
    SamplerScratch scratch;
    Delta::Logprobs out;
    raw_logprobs(logits, 3, 2, scratch, out);
    const double sum = std::log(std::exp(1.0) + std::exp(2.0) + std::exp(3.0));
    ASSERT_EQ(out.top.size(), 2u);
    EXPECT_EQ(out.top[0].id, 2);
    EXPECT_NEAR(out.top[0].logprob, 3 - sum, 1e-6);
    EXPECT_EQ(out.top[1].id, 1);
    EXPECT_NEAR(out.chosen.logprob, -1000 - sum, 1e-3);
    raw_logprobs(logits, 2, 0, scratch, out);
    EXPECT_TRUE(out.top.empty());
    raw_logprobs(logits, 2, 100, scratch, out);
    EXPECT_EQ(out.top.size(), 4u);
}

TEST(Sampler, CutsComeInTheirOrder) {
    // Typical first: the entropy is that of all, so the sure token goes; then top_p counts among the rest.
    std::vector<float> logits(41, 2);
    logits[0] = 4;
    const SamplingParams params = {.temperature = 1, .top_k = 0, .typical_p = 0.3f, .top_p = 0.5f};
    for (const auto& [id, p] : frequencies(params, logits, 500)) EXPECT_NE(id, 0);
    // XTC last: min_p leaves two, of which the better one goes.
    const SamplingParams xtc = {
        .temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0.3f, .xtc_probability = 1, .xtc_threshold = 0.2f};
    const auto drawn = frequencies(xtc, {5, 4, 1, 1}, 500);
    ASSERT_EQ(drawn.size(), 1u);
    EXPECT_TRUE(drawn.contains(1));
}

TEST(Sampler, TopChoicesAreExcludedAsOftenAsAsked) {
    const SamplingParams xtc = {
        .temperature = 1, .top_k = 0, .top_p = 1, .xtc_probability = 0.25f, .xtc_threshold = 0.1f};
    const auto drawn = frequencies(xtc, {2, 2, 0.5f});  // 0.45, 0.45, 0.1 - 0.004
    const double first = std::exp(2) / (2 * std::exp(2) + std::exp(0.5));
    EXPECT_NEAR(drawn.at(0), 0.75 * first, 0.015);
}

TEST(Sampler, TopNSigmaTakesTheDeviationOfAllLogits) {
    auto logits = random_logits(2000, 8);
    double sum = 0, squares = 0;
    for (const float x : logits) sum += static_cast<double>(x);
    for (const float x : logits) squares += std::pow(static_cast<double>(x) - sum / 2000, 2);
    const double least =
        static_cast<double>(*std::ranges::max_element(logits)) - 0.5 * std::sqrt(squares / 2000);
    const SamplingParams params = {.temperature = 2, .top_k = 0, .top_p = 1, .top_n_sigma = 0.5f};
    for (const auto& [id, p] : frequencies(params, logits, 3000))
        EXPECT_GE(static_cast<double>(logits[static_cast<size_t>(id)]), least - 1e-4);
}

TEST(Sampler, DynamicTemperatureFollowsTheEntropy) {
    const auto logits = random_logits(30, 6);
    SamplingParams params = {
        .temperature = 1, .dynatemp_range = 0.6f, .dynatemp_exponent = 2, .top_k = 10, .top_p = 1};
    const auto fixed = expected({.temperature = 1, .top_k = 10, .top_p = 1}, logits);
    double entropy = 0;
    for (const auto& [id, p] : fixed) entropy -= p * std::log(p);
    const double temperature = 0.4 + 1.2 * std::pow(entropy / std::log(10.0), 2);
    const auto wanted =
        expected({.temperature = static_cast<float>(temperature), .top_k = 10, .top_p = 1}, logits);
    const auto drawn = frequencies(params, logits);
    for (const auto& [id, p] : wanted)
        EXPECT_NEAR(drawn.contains(id) ? drawn.at(id) : 0, p, 0.015) << "token " << id;
}

// Mirostat as its paper gives it (algorithm 2), with the sampler's own generator.
TEST(Sampler, MirostatIsTheAlgorithmOfItsPaper) {
    constexpr float kTau = 3, kEta = 0.2f, kTemperature = 1.3f;
    const SamplingParams params = {
        .temperature = kTemperature, .mirostat = 2, .mirostat_tau = kTau, .mirostat_eta = kEta};
    Sampler sampler(params, 11, {});
    base::Rng rng(11);
    SamplerScratch scratch;
    double bits = 2 * static_cast<double>(kTau), total = 0;
    constexpr int kDraws = 400;
    for (int i = 0; i < kDraws; ++i) {
        auto logits = random_logits(300, static_cast<uint64_t>(i));
        double sum = 0, kept_sum = 0;
        std::vector<double> p;
        for (const float x : logits)
            p.push_back(std::exp(static_cast<double>(x) / static_cast<double>(kTemperature)));
        for (const double x : p) sum += x;
        const double best = *std::ranges::max_element(p);
        for (double& x : p) {
            if (x != best && -std::log2(x / sum) > bits) x = 0;
            kept_sum += x;
        }
        double left = rng.next_double() * kept_sum;
        size_t chosen = 0;
        for (size_t id = 0; id < p.size() && left >= 0; ++id) {
            if (p[id] > 0) chosen = id;
            left -= p[id];
        }
        ASSERT_EQ(*sampler.sample(logits, std::vector<TokenId>{0}, 1, scratch), static_cast<TokenId>(chosen))
            << "draw " << i;
        const double surprise = -std::log2(p[chosen] / kept_sum);
        bits -= static_cast<double>(kEta) * (surprise - static_cast<double>(kTau));
        total += surprise;
    }
    EXPECT_NEAR(total / kDraws, static_cast<double>(kTau), 0.3) << "the surprise aimed at";
}

TEST(Sampler, DryPenalisesWhatWouldProlongARepetition) {
    const FakeTokenizer tokenizer = FakeTokenizer::letters();
    const auto penalised = [&](SamplingParams params, const std::string& text) {
        params.temperature = 0;
        std::vector<TokenId> tokens;
        for (const char c : text) tokens.push_back(c - 'a');
        std::vector<float> logits(27, 0.0f);
        logits[2] = 5;  // 'c' wins unless it loses more than 5
        SamplerScratch scratch;
        Sampler sampler(params, 1, {}, &tokenizer);
        return *sampler.sample(logits, tokens, tokens.size(), scratch) != 2;
    };
    SamplingParams dry = {.dry_multiplier = 1, .dry_base = 2, .dry_allowed_length = 2};
    dry.dry_sequence_breakers = {"x"};
    EXPECT_FALSE(penalised(dry, "abcab"));        // 1 * 2^0
    EXPECT_FALSE(penalised(dry, "efabcefab"));    // 2^(4 - 2) = 4
    EXPECT_TRUE(penalised(dry, "gefabcgefab"));   // 2^(5 - 2) = 8
    EXPECT_FALSE(penalised(dry, "gefabcgexab"));  // the breaker leaves two
    dry.dry_penalty_last_n = 7;                   // "bcgefab": the passage is cut
    EXPECT_FALSE(penalised(dry, "gefabcgefab"));
    dry.dry_penalty_last_n = -1;
    dry.dry_multiplier = 0;
    EXPECT_FALSE(penalised(dry, "gefabcgefab"));
}

// The bar is 0.3 ms in the release build; here only a blunder (a sort takes over 5 ms) is caught.
TEST(Sampler, DoesNotSortTheVocabulary) {
    auto logits = random_logits(128000, 4);
    SamplerScratch scratch;
    Sampler sampler({.temperature = 0.7f, .top_k = 40, .top_p = 0.95f}, 1, {});
    const std::vector<TokenId> tokens = {0};
    double best_ms = 1e9;
    for (int round = 0; round < 20; ++round) {
        const auto begin = std::chrono::steady_clock::now();
        ASSERT_TRUE(sampler.sample(logits, tokens, 1, scratch));
        const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - begin;
        best_ms = std::min(best_ms, taken.count());
    }
    RecordProperty("best_ms", std::to_string(best_ms));
    EXPECT_LT(best_ms, 3);
}

}  // namespace
}  // namespace airframe
