#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "airframe/backend/vulkan/adapter.h"
#include "airframe/backend/vulkan/vulkan_backend.h"
#include "base/system.h"

namespace airframe {
namespace {

using testing::HasSubstr;

Adapter adapter(uint32_t index, const char* name, AdapterKind kind, uint64_t memory_bytes) {
    return {.index = index, .name = name, .kind = kind, .memory_bytes = memory_bytes};
}

const std::vector<Adapter>& machine() {
    static const std::vector<Adapter> adapters{adapter(0, "llvmpipe (LLVM 15)", AdapterKind::kCpu, 64),
                                               adapter(1, "Iris Xe", AdapterKind::kIntegrated, 48),
                                               adapter(2, "Radeon RX 7600", AdapterKind::kDiscrete, 8),
                                               adapter(3, "GeForce RTX 4090", AdapterKind::kDiscrete, 24)};
    return adapters;
}

TEST(ChooseAdapter, DiscreteFirstThenMemory) {
    EXPECT_EQ(choose_adapter(machine(), "").index, 3u);
    EXPECT_EQ(choose_adapter(std::span(machine()).first(3), "").index, 2u);
    EXPECT_EQ(choose_adapter(std::span(machine()).first(2), "").index, 1u);
    const std::vector<Adapter> twins{adapter(0, "A", AdapterKind::kDiscrete, 8),
                                     adapter(1, "A", AdapterKind::kDiscrete, 8)};
    EXPECT_EQ(choose_adapter(twins, "").index, 0u);
}

TEST(ChooseAdapter, NeverACpuUnlessAskedFor) {
    const auto only_cpu = std::span(machine()).first(1);
    const AdapterChoice none = choose_adapter(only_cpu, "");
    EXPECT_FALSE(none.index);
    EXPECT_THAT(none.reason, HasSubstr("llvmpipe"));
    EXPECT_EQ(choose_adapter(only_cpu, "0").index, 0u);
    EXPECT_EQ(choose_adapter(only_cpu, "LLVMPIPE").index, 0u);
}

TEST(ChooseAdapter, AWishThatCannotBeMetSaysWhatThereIs) {
    EXPECT_EQ(choose_adapter(machine(), "radeon").index, 2u);
    EXPECT_EQ(choose_adapter(machine(), "1").index, 1u);
    for (const char* absent : {"Arc", "4", "-1", "1x"}) {
        const AdapterChoice choice = choose_adapter(machine(), absent);
        EXPECT_FALSE(choice.index) << absent;
        EXPECT_THAT(choice.reason, HasSubstr("3 (GeForce RTX 4090)"));
    }
    EXPECT_THAT(choose_adapter({}, "0").reason, HasSubstr("none"));
}

TEST(ChooseAdapter, SkipsWhatLacksAFeatureAndSaysSo) {
    std::vector<Adapter> adapters = machine();
    adapters[3].missing = {"16-bit storage"};
    EXPECT_EQ(choose_adapter(adapters, "").index, 2u);
    const AdapterChoice refused = choose_adapter(adapters, "rtx 4090");
    EXPECT_FALSE(refused.index);
    EXPECT_THAT(refused.reason, HasSubstr("16-bit storage"));
    for (Adapter& each : adapters) each.missing = {"16-bit storage"};
    EXPECT_FALSE(choose_adapter(adapters, "").index);
}

TEST(ListAdapters, DescribesEachOrSaysWhyThereAreNone) {
    const auto adapters = list_adapters();
    if (!adapters) {
        EXPECT_THAT(adapters.error().message, HasSubstr("install"));
        ASSERT_FALSE(base::env("SHIMMY_REQUIRE_VULKAN")) << adapters.error().message;
        GTEST_SKIP() << adapters.error().message;
    }
    for (const Adapter& each : *adapters) {
        EXPECT_FALSE(each.name.empty());
        EXPECT_GT(each.memory_bytes, 0u) << each.name;
        EXPECT_GE(each.subgroup_size, 1u) << each.name;
    }
}

TEST(VulkanBackend, ADeviceThatIsNotThereIsRefused) {
    const auto backend = make_vulkan_backend({.device = "no such card"});
    ASSERT_FALSE(backend);
    EXPECT_EQ(backend.error().code, base::ErrorCode::kUnsupported);
    EXPECT_TRUE(backend.error().message.contains("no such card") || !list_adapters())
        << backend.error().message;
}

}  // namespace
}  // namespace airframe
