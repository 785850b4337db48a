// Every tiny model of the shared data against an independent float64 reference, on each backend.
// On cpu with every instruction set that the machine has, on vulkan with the first device that there is (in
// CI one in software) while the validation layer watches. Bars: reference backend rms <= 0.002; cpu rms <=
// 0.002 on F16, mean KL <= llama.cpp's figure on quantised files and
// <= half of it on K-quants (mixture-of-experts files by the median over positions); greedy equal where the
// margin exceeds 0.1; token by token equals all at once (bit-equal on reference).
#include <gtest/gtest.h>

#include <cstdlib>

#include "airframe/backend/vulkan/vulkan_backend.h"
#include "airframe/model/logit_distance.h"
#include "airframe/model/parity_case.h"
#include "airframe/model/run_tokens.h"
#include "base/system.h"
#include "base/test_data.h"

namespace airframe {
namespace {

// Logits of the first `positions` tokens, fed in chunks of `chunk` rows.
struct Setup {
    std::string_view backend, isa;
    uint32_t chunk;
    KvType kv_type;
    std::string_view device = {};
};
std::vector<float> run(const std::filesystem::path& path, const ParityCase& c, const Setup& setup) {
    const auto load_and_run = [&]() -> base::Result<std::vector<float>> {
        TRY(auto file, GgufFile::open(path));
        TRY(auto backend,
            make_backend(setup.backend, {.threads = 2, .isa = setup.isa, .device = setup.device}));
        TRY(auto model,
            Model::load(std::move(file), std::move(backend), {.batch_rows_max = 128, .logit_rows_max = 128}));
        return run_tokens(*model, std::span(c.tokens).first(c.positions),
                          {.chunk_rows = setup.chunk, .kv_type = setup.kv_type});
    };
    auto logits = load_and_run();
    if (!logits) {
        ADD_FAILURE() << logits.error().message;
        return {};
    }
    return *std::move(logits);
}

TEST(Parity, ReferenceBackendIsExact) {
    REQUIRE_TEST_DATA(data);
    const auto dir = data / "parity";
    for (const ParityCase& c : read_parity_cases(dir)) {
        SCOPED_TRACE(c.file);
        const auto whole = run(dir / c.file, c, {"reference", "", 128, KvType::kF32});
        if (whole.empty()) continue;
        EXPECT_LE(logit_distance(c.logits, whole, c.vocab).rms, 0.002);
        EXPECT_EQ(greedy_faults(c, whole), "");
        EXPECT_EQ(run(dir / c.file, c, {"reference", "", 1, KvType::kF32}), whole)
            << "token by token differs from all at once";
    }
}

// Every model, all at once and token by token, within the bars of a fast backend.
void expect_closer_than_the_peer(const std::filesystem::path& dir, Setup setup) {
    for (const ParityCase& c : read_parity_cases(dir)) {
        for (const uint32_t chunk : {128u, 1u}) {
            SCOPED_TRACE(fmt::format("{} in chunks of {}", c.file, chunk));
            setup.chunk = chunk;
            const auto got = run(dir / c.file, c, setup);
            if (got.empty()) continue;
            const LogitDistance d = logit_distance(c.logits, got, c.vocab);
            fmt::print("{:24} chunk {:3}  rms {:.5f}  KL mean {:.2e} median {:.2e}  peer {:.2e}\n", c.file,
                       chunk, d.rms, d.kl_mean, d.kl_median, c.peer_kl_mean);
            EXPECT_EQ(parity_faults(c, got), "");
        }
    }
}

// Once for each instruction set, named as options give it.
class CpuParity : public ::testing::TestWithParam<const char*> {};

TEST_P(CpuParity, IsCloserThanThePeer) {
    REQUIRE_TEST_DATA(data);
    if (!make_backend("cpu", {.threads = 1, .isa = GetParam()})) GTEST_SKIP() << "not on this processor";
    expect_closer_than_the_peer(data / "parity", {"cpu", GetParam(), 0, KvType::kF16});
}

TEST(VulkanParity, IsCloserThanThePeer) {
    REQUIRE_TEST_DATA(data);
    setenv("SHIMMY_VULKAN_VALIDATION", "1", 0);
    const std::string device = base::env("SHIMMY_GPU_DEVICE").value_or("0");
    if (const auto backend = make_backend("vulkan", {.device = device}); !backend) {
        ASSERT_FALSE(base::env("SHIMMY_REQUIRE_VULKAN")) << backend.error().message;
        GTEST_SKIP() << backend.error().message;
    }
    expect_closer_than_the_peer(data / "parity", {"vulkan", "", 0, KvType::kF16, device});
    EXPECT_EQ(vulkan::validation_messages(), 0);
}

INSTANTIATE_TEST_SUITE_P(Isas, CpuParity, ::testing::Values("scalar", "avx2", "avx512", "avx512vnni", "amx"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace airframe
