// Each cut against its definition written with sorts and doubles over the whole distribution.
#include "airframe/engine/cuts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <set>

#include "base/rng.h"

namespace airframe {
namespace {

struct Probable {
    double p;
    TokenId id;
};

std::vector<Candidate> random_candidates(base::Rng& rng) {
    std::vector<Candidate> candidates(1 + rng.next_below(60));
    const double width = 1 + 10 * rng.next_double();
    for (size_t i = 0; i < candidates.size(); ++i)
        candidates[i] = {static_cast<float>(width * rng.next_double()), static_cast<TokenId>(3 * i)};
    return candidates;
}

std::vector<Probable> distribution(const std::vector<Candidate>& candidates) {
    double sum = 0;
    for (const Candidate& c : candidates) sum += std::exp(static_cast<double>(c.logit));
    std::vector<Probable> out;
    for (const Candidate& c : candidates) out.push_back({std::exp(static_cast<double>(c.logit)) / sum, c.id});
    return out;
}

std::vector<Probable> likeliest_first(const std::vector<Candidate>& candidates) {
    auto all = distribution(candidates);
    std::ranges::stable_sort(all, [](const Probable& a, const Probable& b) { return a.p > b.p; });
    return all;
}

using Ids = std::set<TokenId>;

// Runs `cut` and `definition` on many distributions; they must keep the same tokens, but for cases in which
// rounding alone decides (`edge` says how far a sum or value lies from its bound).
void compare(const std::function<void(std::vector<Candidate>&)>& cut,
             const std::function<Ids(const std::vector<Candidate>&)>& definition) {
    base::Rng rng(7);
    int different = 0;
    size_t cut_away = 0;
    constexpr int kRounds = 2000;
    for (int round = 0; round < kRounds; ++round) {
        const auto before = random_candidates(rng);
        auto after = before;
        cut(after);
        ASSERT_FALSE(after.empty());
        ASSERT_TRUE(std::ranges::is_sorted(after, {}, &Candidate::id));
        Ids kept;
        for (const Candidate& c : after) kept.insert(c.id);
        different += kept != definition(before);
        cut_away += before.size() - after.size();
    }
    EXPECT_LE(different, kRounds / 500) << "more than rounding at the bound explains";
    EXPECT_GT(cut_away, 0u);
}

TEST(Cuts, TopP) {
    for (const float top_p : {0.0f, 0.3f, 0.9f, 0.99f})
        compare(
            [&](auto& candidates) {
                std::vector<Candidate> ranked;
                cut_top_p(candidates, top_p, ranked);
            },
            [&](const auto& candidates) {
                Ids ids;
                double mass = 0;
                for (const Probable& token : likeliest_first(candidates)) {
                    if (!ids.empty() && mass >= static_cast<double>(top_p)) break;
                    ids.insert(token.id);
                    mass += token.p;
                }
                return ids;
            });
}

TEST(Cuts, MinP) {
    for (const float min_p : {0.01f, 0.2f, 1.0f})
        compare([&](auto& candidates) { cut_min_p(candidates, min_p); },
                [&](const auto& candidates) {
                    Ids ids;
                    const auto all = likeliest_first(candidates);
                    for (const Probable& token : all)
                        if (token.p >= static_cast<double>(min_p) * all[0].p) ids.insert(token.id);
                    return ids;
                });
}

TEST(Cuts, Typical) {
    for (const float typical_p : {0.0f, 0.2f, 0.7f, 0.95f})
        compare(
            [&](auto& candidates) {
                std::vector<Surprise> room;
                cut_typical(candidates, typical_p, room);
            },
            [&](const auto& candidates) {
                auto all = distribution(candidates);
                double entropy = 0;
                for (const Probable& token : all) entropy -= token.p * std::log(token.p);
                std::ranges::stable_sort(all, {}, [&](const Probable& token) {
                    return static_cast<float>(std::abs(-std::log(token.p) - entropy));
                });
                Ids ids;
                double mass = 0;
                for (const Probable& token : all) {
                    if (!ids.empty() && mass >= static_cast<double>(typical_p)) break;
                    ids.insert(token.id);
                    mass += token.p;
                }
                return ids;
            });
}

TEST(Cuts, TopChoices) {
    for (const float threshold : {0.02f, 0.1f, 0.3f})
        compare([&](auto& candidates) { cut_top_choices(candidates, threshold); },
                [&](const auto& candidates) {
                    const auto all = likeliest_first(candidates);
                    const auto tops = static_cast<size_t>(std::ranges::count_if(
                        all, [&](const Probable& t) { return t.p >= static_cast<double>(threshold); }));
                    Ids ids;
                    for (size_t i = tops < 2 ? 0 : tops - 1; i < all.size(); ++i) ids.insert(all[i].id);
                    return ids;
                });
}

TEST(Cuts, Surprising) {
    for (const double bits : {-1.0, 0.5, 3.0, 6.0})
        compare([&](auto& candidates) { cut_surprising(candidates, bits); },
                [&](const auto& candidates) {
                    const auto all = likeliest_first(candidates);
                    Ids ids = {all[0].id};
                    for (const Probable& token : all)
                        if (-std::log2(token.p) <= bits) ids.insert(token.id);
                    return ids;
                });
}

TEST(Cuts, EntropyAndDeviationAreTheirDefinitions) {
    base::Rng rng(3);
    for (int round = 0; round < 200; ++round) {
        const auto candidates = random_candidates(rng);
        double entropy = 0;
        for (const Probable& token : distribution(candidates)) entropy -= token.p * std::log(token.p);
        EXPECT_NEAR(entropy_of(candidates), entropy, 1e-5);
    }
    const float kForbidden = -std::numeric_limits<float>::infinity();
    EXPECT_NEAR(standard_deviation(std::vector<float>{1, 3, kForbidden, 1, 3}), 1, 1e-12);
    EXPECT_EQ(entropy_of(std::vector<Candidate>{{1, 0}, {kForbidden, 1}}), 0);
}

TEST(Cuts, HoldWithForbiddenAndExtremeLogits) {
    const float kForbidden = -std::numeric_limits<float>::infinity();
    const std::vector<Candidate> extreme = {{-3e38f, 0}, {3e38f, 1}, {kForbidden, 2}, {0, 3}};
    std::vector<Candidate> ranked;
    std::vector<Surprise> room;
    const std::function<void(std::vector<Candidate>&)> cuts[] = {
        [&](auto& c) { cut_top_p(c, 0.9f, ranked); }, [&](auto& c) { cut_min_p(c, 0.1f); },
        [&](auto& c) { cut_typical(c, 0.9f, room); }, [&](auto& c) { cut_below_best(c, 1.5); },
        [&](auto& c) { cut_top_choices(c, 0.1f); },   [&](auto& c) { cut_surprising(c, 3); },
    };
    for (const auto& cut : cuts) {
        auto candidates = extreme;
        cut(candidates);
        EXPECT_TRUE(std::ranges::any_of(candidates, [](const Candidate& c) { return c.id == 1; }));
    }
}

}  // namespace
}  // namespace airframe
