#include "airframe/model/memory_plan.h"

#include <gtest/gtest.h>

namespace airframe {
namespace {

constexpr uint64_t kMiB = 1 << 20, kGiB = 1 << 30;

// Eight layers of 100 MiB of attention, 400 MiB of experts or hidden rows, 64 MiB of keys and values.
ModelSizes some_model(bool experts = false) {
    ModelSizes sizes{.embedding = {200 * kMiB, 200 * kMiB},
                     .head = {200 * kMiB, 200 * kMiB},
                     .kv_layer = 64 * kMiB,
                     .scratch = 50 * kMiB,
                     .logits = 10 * kMiB,
                     .kv_tokens = 4096};
    for (int i = 0; i < 8; ++i)
        sizes.layers.push_back({{100 * kMiB, 100 * kMiB}, {400 * kMiB, 400 * kMiB}, experts});
    return sizes;
}

std::vector<PlaceRoom> rooms(std::vector<uint64_t> gpu_bytes, uint64_t cpu_bytes = 64 * kGiB) {
    std::vector<PlaceRoom> all;
    for (const uint64_t bytes : gpu_bytes)
        all.push_back(
            {.name = fmt::format("gpu {}", all.size()), .available_bytes = bytes, .own_bytes = 100 * kMiB});
    all.push_back({.name = "cpu", .available_bytes = cpu_bytes});
    return all;
}

// How many units each room has, the head last where it is.
std::vector<uint32_t> layers_of(const MemoryPlan& plan) {
    std::vector<uint32_t> layers;
    for (const MemoryPlan::Use& use : plan.uses) layers.push_back(use.layers);
    return layers;
}

TEST(MemoryPlan, EverythingIsCounted) {
    const auto plan = plan_memory(some_model(), rooms({16 * kGiB}), {});
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_TRUE(plan->all_on_gpus);
    const MemoryPlan::Use& gpu = plan->uses[0];
    EXPECT_EQ(gpu.weights_bytes, (8 * 500 + 400) * kMiB);
    EXPECT_EQ(gpu.kv_bytes, 8 * 64 * kMiB);
    EXPECT_EQ(gpu.scratch_bytes, 160 * kMiB);
    EXPECT_EQ(plan->uses[1].total(), 0u);
    EXPECT_EQ(gpu.text(),
              "gpu 0: 8 of 8 layers and the output; 4400 MiB of weights + 512 of keys and values + 160 to "
              "compute in = 5072 MiB of 16384 free");
}

// The same sums by another way: no plan may take more than there is, and one layer more would.
TEST(MemoryPlan, AutoTakesAsManyLayersAsFit) {
    const ModelSizes sizes = some_model();
    uint32_t before = 0;
    for (uint64_t gib_halves = 2; gib_halves <= 12; ++gib_halves) {
        const uint64_t bytes = gib_halves * kGiB / 2;
        const auto plan = plan_memory(sizes, rooms({bytes}), {});
        ASSERT_TRUE(plan) << plan.error().message;
        const uint32_t n = plan->placement.on_gpus(1);
        EXPECT_GE(n, before);
        before = n;
        const auto needed = [](uint64_t units) {  // of the last so many
            return (units > 0 ? 100 + 50 + 200 + 10 : 0) + (units > 1 ? (units - 1) * 564 : 0) +
                   (units > 8 ? 200 : 0);
        };
        EXPECT_LE(needed(n) * kMiB + 256 * kMiB, bytes);
        EXPECT_TRUE(n == 9 || needed(n + 1) * kMiB + 10 * (256 + 64 * n) * kMiB / 9 > bytes) << n;
    }
    EXPECT_EQ(before, 9u);
}

TEST(MemoryPlan, ATiedHeadIsCopiedWhereItLiesApart) {
    ModelSizes sizes = some_model();
    sizes.tied = true;
    sizes.head = {1 * kMiB, 1 * kMiB};
    const auto whole = plan_memory(sizes, rooms({16 * kGiB}), {});
    const auto part = plan_memory(sizes, rooms({16 * kGiB}), {.gpu_layers = 1});
    ASSERT_TRUE(whole && part);
    EXPECT_EQ(whole->uses[0].weights_bytes, (8 * 500 + 201) * kMiB);
    EXPECT_EQ(part->uses[0].weights_bytes, 201 * kMiB);
    EXPECT_EQ(part->uses[1].weights_bytes, (8 * 500 + 200) * kMiB);
}

TEST(MemoryPlan, ExpertsOnTheCpuLeaveRoomForEveryLayer) {
    const auto with = [](bool experts) {
        return plan_memory(some_model(experts), rooms({3 * kGiB}), {.cpu_moe = true});
    };
    const auto experts = with(true), dense = with(false);
    ASSERT_TRUE(experts && dense);
    EXPECT_EQ(layers_of(*experts), (std::vector<uint32_t>{8, 0}));
    EXPECT_EQ(experts->uses[1].weights_bytes, 8 * 400 * kMiB);
    EXPECT_LT(dense->uses[0].layers, 8u);
}

TEST(MemoryPlan, SeveralGpusAreFilledAlike) {
    const auto alike = plan_memory(some_model(), rooms({4 * kGiB, 4 * kGiB}), {});
    ASSERT_TRUE(alike) << alike.error().message;
    EXPECT_TRUE(alike->all_on_gpus);
    EXPECT_EQ(layers_of(*alike), (std::vector<uint32_t>{4, 4, 0}));
    const auto uneven = plan_memory(some_model(), rooms({8 * kGiB, 2 * kGiB}), {});
    ASSERT_TRUE(uneven) << uneven.error().message;
    EXPECT_TRUE(uneven->all_on_gpus);
    EXPECT_GT(uneven->uses[0].layers, uneven->uses[1].layers);
    const auto split = plan_memory(some_model(), rooms({8 * kGiB, 8 * kGiB}), {.split = {1, 2}});
    ASSERT_TRUE(split) << split.error().message;
    EXPECT_EQ(layers_of(*split), (std::vector<uint32_t>{3, 5, 0}));
    const auto little = plan_memory(some_model(), rooms({2 * kGiB, 2 * kGiB}), {});
    ASSERT_TRUE(little) << little.error().message;
    EXPECT_FALSE(little->all_on_gpus);
    for (const MemoryPlan::Use& use : little->uses) EXPECT_GT(use.layers, 0u);
}

TEST(MemoryPlan, WhatDoesNotFitIsRefusedWithNumbers) {
    const auto all = plan_memory(some_model(), rooms({4 * kGiB}), {.gpu_layers = 9});
    ASSERT_FALSE(all);
    EXPECT_EQ(all.error().code, base::ErrorCode::kOutOfMemory);
    EXPECT_EQ(
        all.error().message,
        "9 of 9 layers do not fit on the GPU: gpu 0: 8 of 8 layers and the output; 4400 MiB of weights + "
        "512 of keys and values + 160 to compute in = 5072 MiB of 4096 free (with 256 MiB to spare). 7 "
        "would fit (--gpu-layers 7, or auto); a smaller --ctx, --kv-quant or a smaller file needs less");
    const auto experts = plan_memory(some_model(true), rooms({4 * kGiB}), {.gpu_layers = 9});
    ASSERT_FALSE(experts);
    EXPECT_TRUE(experts.error().message.ends_with("; --cpu-moe leaves the experts on the CPU"));

    const auto none = plan_memory(some_model(), rooms({kGiB / 2}), {});
    ASSERT_FALSE(none);
    EXPECT_TRUE(none.error().message.contains("not one layer fits on a GPU")) << none.error().message;
    EXPECT_TRUE(none.error().message.contains("512 free")) << none.error().message;

    const auto host = plan_memory(some_model(), rooms({kGiB}, kGiB), {.gpu_layers = 2});
    ASSERT_FALSE(host);
    EXPECT_TRUE(host.error().message.contains("cpu: 7 of 8 layers")) << host.error().message;
}

TEST(MemoryPlan, ASplitHasAShareForEachGpu) {
    for (const std::vector<double>& split : {std::vector<double>{1}, {0, 0}, {1, -1}, {1, 1, 1}}) {
        const auto plan = plan_memory(some_model(), rooms({16 * kGiB, 16 * kGiB}), {.split = split});
        ASSERT_FALSE(plan);
        EXPECT_EQ(plan.error().code, base::ErrorCode::kInvalidArgument);
    }
}

}  // namespace
}  // namespace airframe
