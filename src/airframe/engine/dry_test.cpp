#include "airframe/engine/dry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "airframe/engine/fake_model.h"
#include "base/rng.h"

namespace airframe {
namespace {

// As a person would find them: every earlier place, compared token by token.
std::map<TokenId, int32_t> repetitions_by_hand(std::span<const TokenId> window, int32_t shortest,
                                               int32_t longest) {
    std::map<TokenId, int32_t> found;
    const auto n = static_cast<int32_t>(window.size());
    const auto at = [&](int32_t i) { return window[static_cast<size_t>(i)]; };
    for (int32_t end = 0; end + 1 < n; ++end) {  // the passage ends before `end + 1`
        int32_t length = 0;
        while (length <= end && at(end - length) == at(n - 1 - length)) ++length;
        length = std::min(length, longest);
        if (length < shortest || longest < shortest) continue;
        auto [entry, made] = found.try_emplace(at(end + 1), length);
        entry->second = std::max(entry->second, length);
    }
    return found;
}

TEST(FindRepetitions, FindsWhatComparingEveryPlaceFinds) {
    base::Rng rng(1);
    std::vector<int32_t> lengths;
    std::vector<Repetition> found;
    size_t total = 0;
    for (int round = 0; round < 3000; ++round) {
        std::vector<TokenId> window(rng.next_below(40));
        for (TokenId& token : window) token = static_cast<TokenId>(rng.next_below(1 + rng.next_below(5)));
        const auto shortest = static_cast<int32_t>(rng.next_below(4));
        const auto longest = static_cast<int32_t>(rng.next_below(12));
        find_repetitions(window, shortest, longest, lengths, found);
        std::map<TokenId, int32_t> as_map;
        for (const Repetition& repetition : found) as_map[repetition.next] = repetition.length;
        EXPECT_EQ(as_map.size(), found.size()) << "each token once";
        ASSERT_EQ(as_map, repetitions_by_hand(window, shortest, longest)) << "round " << round;
        total += found.size();
    }
    EXPECT_GT(total, 3000u);
}

TEST(FindRepetitions, TakesLinearTimeOnOneTokenRepeated) {
    const std::vector<TokenId> window(200'000, 7);
    std::vector<int32_t> lengths;
    std::vector<Repetition> found;
    find_repetitions(window, 2, 1'000'000, lengths, found);  // quadratic work would be 2e10 steps
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].length, 199'999);
}

int32_t since(std::vector<std::string> breakers, const std::vector<std::string>& pieces) {
    std::vector<std::string> vocabulary = pieces;
    vocabulary.emplace_back("<end>");
    const FakeTokenizer tokenizer(vocabulary);
    std::vector<TokenId> tokens;
    for (size_t i = 0; i < pieces.size(); ++i) tokens.push_back(static_cast<TokenId>(i));
    BreakerWatch whole(breakers, tokenizer), stepwise(breakers, tokenizer);
    whole.follow(tokens);
    for (size_t i = 0; i <= tokens.size(); ++i) stepwise.follow(std::span(tokens).first(i));
    EXPECT_EQ(whole.tokens_since_breaker(), stepwise.tokens_since_breaker());
    return whole.tokens_since_breaker();
}

TEST(BreakerWatch, CountsTokensSinceABreakerHasEnded) {
    EXPECT_EQ(since({"\n"}, {}), 0);
    EXPECT_EQ(since({"\n"}, {"a", "b"}), 2);
    EXPECT_EQ(since({"\n"}, {"a", "\n"}), 0);
    EXPECT_EQ(since({"\n"}, {"a\nb", "c"}), 1);
    EXPECT_EQ(since({"###"}, {"a#", "#", "#b", "c", "d"}), 2);  // across three tokens
    EXPECT_EQ(since({"###"}, {"##", "a", "#"}), 3);
    EXPECT_EQ(since({"x", "yz"}, {"x", "y", "z", "q"}), 1);
    EXPECT_EQ(since({}, {"a", "b"}), 2);
}

}  // namespace
}  // namespace airframe
