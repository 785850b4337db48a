// Models whose layers lie on several backends give what one backend gives: every family, cut at every place.
// A GPU (in CI one in software, opened twice where two are needed) and the CPU, the validation layer
// watching.
#include <gtest/gtest.h>

#include <cstdlib>

#include "airframe/backend/vulkan/vulkan_backend.h"
#include "airframe/model/parity_case.h"
#include "airframe/model/run_tokens.h"
#include "base/system.h"
#include "base/test_data.h"

namespace airframe {
namespace {

std::string gpu() { return base::env("SHIMMY_GPU_DEVICE").value_or("0"); }

class Split : public testing::Test {
  protected:
    void SetUp() override {
        REQUIRE_TEST_DATA(data);
        setenv("SHIMMY_VULKAN_VALIDATION", "1", 0);
        const auto backend = make_backend("vulkan", {.device = gpu()});
        if (!backend && !base::env("SHIMMY_REQUIRE_VULKAN")) GTEST_SKIP() << backend.error().message;
        ASSERT_TRUE(backend) << backend.error().message;
        dir_ = data / "parity";
        for (ParityCase& c : read_parity_cases(dir_))
            if (c.file.contains("-Q4_K") || c.file.contains("F16")) cases_.push_back(std::move(c));
    }
    void TearDown() override { EXPECT_EQ(vulkan::validation_messages(), 0); }

    // REQUIRES: the GPUs stand first, the CPU behind them.
    static base::Result<std::vector<std::unique_ptr<Backend>>> backends(size_t gpus) {
        std::vector<std::unique_ptr<Backend>> made;
        for (size_t i = 0; i < gpus; ++i) {
            TRY(auto backend, make_backend("vulkan", {.device = gpu()}));
            made.push_back(std::move(backend));
        }
        TRY(auto cpu, make_backend("cpu", {.threads = 2}));
        made.push_back(std::move(cpu));
        return made;
    }
    base::Result<std::vector<float>> run(const ParityCase& c, const LayerSplit& split, uint32_t chunk) const {
        TRY(auto file, GgufFile::open(dir_ / c.file));
        TRY(auto made, backends(split.proportions.size()));
        TRY(auto model, Model::load(std::move(file), std::move(made), split_layers(split),
                                    {.batch_rows_max = 128, .logit_rows_max = 128}));
        return run_tokens(*model, std::span(c.tokens).first(c.positions), {.chunk_rows = chunk});
    }
    void expect_right(const ParityCase& c, const LayerSplit& split, uint32_t chunk) const {
        const auto got = run(c, split, chunk);
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(parity_faults(c, *got), "")
            << c.file << " with " << split.on_gpus << " in chunks of " << chunk;
    }
    uint32_t layers_of(const ParityCase& c) const {
        return derive_spec(*GgufFile::open(dir_ / c.file))->n_layers;
    }

    std::filesystem::path dir_;
    std::vector<ParityCase> cases_;
};

TEST_F(Split, AnyNumberOfLayersOnTheGpuGivesTheSame) {
    for (const ParityCase& c : cases_) {
        const uint32_t n_layers = layers_of(c);
        for (uint32_t on_gpus = 0; on_gpus <= n_layers + 1; ++on_gpus)
            expect_right(c, {.n_layers = n_layers, .on_gpus = on_gpus, .proportions = {1}}, 128);
        expect_right(c, {.n_layers = n_layers, .on_gpus = 2, .proportions = {1}}, 1);
    }
}

TEST_F(Split, SoDoExpertsOnTheCpu) {
    int with_experts = 0;
    for (const ParityCase& c : cases_) {
        if (!c.experts) continue;
        ++with_experts;
        const uint32_t n_layers = layers_of(c);
        for (uint32_t on_gpus = 1; on_gpus <= n_layers + 1; ++on_gpus)
            for (const uint32_t chunk : {128u, 1u})
                expect_right(c,
                             {.n_layers = n_layers,
                              .on_gpus = on_gpus,
                              .proportions = {1},
                              .ffn_on_host = std::vector<bool>(n_layers, true)},
                             chunk);
    }
    EXPECT_GT(with_experts, 0);
}

TEST_F(Split, SoDoSeveralGpus) {
    for (const ParityCase& c : cases_) {
        const uint32_t n_layers = layers_of(c);
        for (const std::vector<double>& proportions :
             {std::vector<double>{1, 1}, std::vector<double>{0, 1}, std::vector<double>{3, 1}})
            expect_right(c, {.n_layers = n_layers, .on_gpus = n_layers + 1, .proportions = proportions}, 128);
        expect_right(c, {.n_layers = n_layers, .on_gpus = n_layers, .proportions = {1, 2}}, 1);
    }
}

}  // namespace
}  // namespace airframe
