#include "airframe/engine/stop_matcher.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace airframe {
namespace {

struct Outcome {
    std::string shown, matched;
    bool operator==(const Outcome&) const = default;
};

Outcome run(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
    StopMatcher matcher(stops);
    std::string shown;
    for (const std::string& piece : pieces)
        if (matcher.push(piece, shown)) return {shown, matcher.matched()};
    matcher.finish(shown);
    return {shown, matcher.matched()};
}

TEST(StopMatcher, EndsTheTextBeforeTheStopString) {
    EXPECT_EQ(run({"END"}, {"to the END of it"}), (Outcome{"to the ", "END"}));
    EXPECT_EQ(run({"END"}, {"END"}), (Outcome{"", "END"}));
    EXPECT_EQ(run({"END"}, {"never"}), (Outcome{"never", ""}));
    EXPECT_EQ(run({}, {"any", "thing"}), (Outcome{"anything", ""}));
}

TEST(StopMatcher, HoldsBackWhatCouldBecomeAStopString) {
    const std::vector<std::string> stops = {"\n\nUser:"};
    StopMatcher matcher(stops);
    std::string shown;
    EXPECT_FALSE(matcher.push("Hello.\n", shown));
    EXPECT_EQ(shown, "Hello.");
    EXPECT_FALSE(matcher.push("\nUs", shown));
    EXPECT_EQ(shown, "Hello.");
    EXPECT_FALSE(matcher.push("ual", shown));
    EXPECT_EQ(shown, "Hello.\n\nUsual");
    EXPECT_FALSE(matcher.push("\n\nUser", shown));
    EXPECT_TRUE(matcher.push(": more", shown));
    EXPECT_EQ(shown, "Hello.\n\nUsual");
}

TEST(StopMatcher, FindsAMatchThatOverlapsAFailedOne) {
    EXPECT_EQ(run({"aab"}, {"aaab"}), (Outcome{"a", "aab"}));
    EXPECT_EQ(run({"abab!"}, {"ab", "ab", "ab", "!"}), (Outcome{"ab", "abab!"}));
}

TEST(StopMatcher, TheFirstToBeCompleteWinsThenTheLongest) {
    EXPECT_EQ(run({"abcd", "bc"}, {"abcd"}), (Outcome{"a", "bc"}));
    EXPECT_EQ(run({"c", "bc", "abc"}, {"xabc"}), (Outcome{"x", "abc"}));
}

// What a plain search over the whole text finds.
Outcome search(const std::vector<std::string>& stops, const std::string& text) {
    for (size_t end = 1; end <= text.size(); ++end) {
        std::string longest;
        for (const std::string& stop : stops)
            if (text.substr(0, end).ends_with(stop) && stop.size() > longest.size()) longest = stop;
        if (!longest.empty()) return {text.substr(0, end - longest.size()), longest};
    }
    return {text, ""};
}

TEST(StopMatcher, DoesNotDependOnWhereTheTextIsCut) {
    base::Rng rng(7);
    const auto word = [&](uint64_t longest, uint64_t letters) {
        std::string text(1 + rng.next_below(longest), ' ');
        for (char& c : text) c = static_cast<char>('a' + rng.next_below(letters));
        return text;
    };
    for (int round = 0; round < 20000; ++round) {
        std::vector<std::string> stops(1 + rng.next_below(3));
        for (std::string& stop : stops) stop = word(5, 2);
        std::vector<std::string> pieces(rng.next_below(8));
        std::string text;
        for (std::string& piece : pieces) text += piece = word(4, 2);
        ASSERT_EQ(run(stops, pieces), search(stops, text)) << text;
    }
}

}  // namespace
}  // namespace airframe
