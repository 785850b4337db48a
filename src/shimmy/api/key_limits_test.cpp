#include "shimmy/api/key_limits.h"

#include <gmock/gmock.h>

namespace shimmy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string header(const KeyUse::Headers& headers, std::string_view name) {
    for (const auto& [key, value] : headers)
        if (key == name) return value;
    return {};
}

class KeyUseTest : public testing::Test {
  protected:
    static std::shared_ptr<KeyUse> make(KeyLimits limits) { return std::make_shared<KeyUse>(limits); }
    const KeyUse::Time start_ = base::Clock::now();
};

TEST_F(KeyUseTest, AMinutesRequestsMayComeAtOnceThenAtTheRate) {
    const auto use = make({.requests_per_minute = 6});
    for (int i = 0; i < 6; ++i) EXPECT_TRUE(use->enter(start_).permit) << i;
    const auto refused = use->enter(start_);
    ASSERT_FALSE(refused.permit);
    EXPECT_EQ(refused.permit.error().detail, "rate_limit_exceeded");
    EXPECT_EQ(header(refused.headers, "Retry-After"), "10");
    EXPECT_EQ(header(refused.headers, "x-ratelimit-reset-requests"), "60s");
    EXPECT_FALSE(use->enter(start_ + milliseconds(9900)).permit);
    EXPECT_TRUE(use->enter(start_ + milliseconds(10'100)).permit);
    EXPECT_FALSE(use->enter(start_ + milliseconds(10'200)).permit);
    const auto rested = use->enter(start_ + seconds(1000));
    EXPECT_EQ(header(rested.headers, "x-ratelimit-remaining-requests"), "5");
}

TEST_F(KeyUseTest, ARefusedRequestCostsNothing) {
    const auto use = make({.requests_per_minute = 60, .concurrent = 1});
    auto first = use->enter(start_);
    for (int i = 0; i < 100; ++i) EXPECT_FALSE(use->enter(start_).permit);
    first.permit = KeyUse::Permit();
    EXPECT_EQ(header(use->enter(start_).headers, "x-ratelimit-remaining-requests"), "58");
}

TEST_F(KeyUseTest, NewLimitsHoldFromTheNextRequestOn) {
    const auto use = make({.concurrent = 1});
    const auto running = use->enter(start_);
    EXPECT_FALSE(use->enter(start_).permit);
    use->change({.requests_per_minute = 1, .concurrent = 2});
    EXPECT_TRUE(use->enter(start_).permit);
    EXPECT_FALSE(use->enter(start_).permit);
    use->change({});
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(use->enter(start_).permit);
}

TEST(KeyLimits, AreReadInAnyOrder) {
    const auto limits = parse_key_limits("  concurrent=4\t rpm=60 ");
    ASSERT_TRUE(limits);
    EXPECT_EQ(limits->concurrent, 4u);
    EXPECT_EQ(limits->requests_per_minute, 60u);
    EXPECT_FALSE(parse_key_limits("")->any());
    for (const char* wrong : {"rpm", "rpm=", "=4", "rpm=99999999", "tpm=4", "rpm=4,concurrent=2"})
        EXPECT_FALSE(parse_key_limits(wrong)) << wrong;
}

}  // namespace
}  // namespace shimmy
