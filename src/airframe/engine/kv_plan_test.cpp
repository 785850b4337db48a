#include "airframe/engine/kv_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace airframe {
namespace {

constexpr KvNeeds kRoomy = {.ctx_train_tokens = 2048,
                            .bytes_per_token = 1024,
                            .available_bytes = uint64_t{64} << 30,
                            .page_tokens = 32};

TEST(KvPlan, TakesTheModelsOwnContextAndRoomForSeveral) {
    const auto plan = plan_kv({}, kRoomy);
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->ctx_tokens, 2048u);
    EXPECT_EQ(plan->n_pages, 4 * 2048 / 32);
    KvNeeds long_context = kRoomy;
    long_context.ctx_train_tokens = 131072;
    EXPECT_EQ(plan_kv({}, long_context)->n_pages, 131072 / 32);
}

TEST(KvPlan, TakesLessContextByDefaultWhereMemoryIsShort) {
    KvNeeds needs = kRoomy;
    needs.available_bytes = 1000 * needs.bytes_per_token;
    const auto plan = plan_kv({}, needs);
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->ctx_tokens, 992u);
    EXPECT_EQ(plan->n_pages, 31);
}

TEST(KvPlan, RefusesAContextThatDoesNotFitWithBothNumbers) {
    KvNeeds needs = kRoomy;
    needs.available_bytes = uint64_t{100} << 20;
    const auto plan = plan_kv({.ctx_tokens = 1000000}, needs);
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, base::ErrorCode::kOutOfMemory);
    EXPECT_THAT(plan.error().message, ::testing::HasSubstr("1,000,000 tokens needs 977 MiB"));
    EXPECT_THAT(plan.error().message, ::testing::HasSubstr("100 MiB are left"));
    needs.available_bytes = 10 * needs.bytes_per_token;
    EXPECT_FALSE(plan_kv({}, needs));
    EXPECT_FALSE(plan_kv({.ctx_tokens = 4294967295u}, kRoomy));
}

TEST(KvPlan, TakesWhatIsAskedForInWholePages) {
    const auto plan = plan_kv({.ctx_tokens = 100, .kv_tokens = 101}, kRoomy);
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->ctx_tokens, 100u);
    EXPECT_EQ(plan->n_pages, 4);
    EXPECT_EQ(plan_kv({.ctx_tokens = 100, .kv_tokens = 99}, kRoomy).error().param, "kv_tokens");
}

}  // namespace
}  // namespace airframe
