#include "airframe/model/memory_estimate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace airframe {
namespace {

TEST(MemoryEstimate, CountsEveryRowOfOnePass) {
    ModelSpec spec;
    spec.dim = 8;
    spec.vocab = 100;
    spec.ffn.dim = 32;
    spec.rope.dims = 4;
    spec.attn.n_heads = 2;
    spec.attn.n_kv_heads = 1;
    spec.attn.head_dim_k = spec.attn.head_dim_v = 4;
    const MemoryEstimate estimate = estimate_memory(spec, 5000, 10, 3);
    EXPECT_EQ(estimate.weights_bytes, 5000u);
    EXPECT_EQ(estimate.scratch_bytes, (10 * (24 + 16 + 8 + 32 + 8) + 300) * 4u);
}

TEST(MemoryEstimate, RefusesWithNumbers) {
    const MemoryEstimate estimate{.weights_bytes = uint64_t{700} << 20, .scratch_bytes = uint64_t{24} << 20};
    EXPECT_TRUE(check_memory(estimate, uint64_t{724} << 20));
    const auto refused = check_memory(estimate, uint64_t{512} << 20);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, base::ErrorCode::kOutOfMemory);
    for (const char* number : {"724", "700", "24", "512"})
        EXPECT_THAT(refused.error().message, testing::HasSubstr(number));
}

}  // namespace
}  // namespace airframe
