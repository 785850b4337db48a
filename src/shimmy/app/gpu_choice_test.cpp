// Which device computes what, from the options and from what a driver tells: no adapter, an old driver, a
// feature or a limit that is missing, a model too large. On a real driver (lavapipe in CI) behind one that
// tells of other devices.
#include <gtest/gtest.h>

#include "airframe/backend/vulkan/adapter.h"
#include "airframe/backend/vulkan/faulty_driver.h"
#include "airframe/backend/vulkan/vulkan_backend.h"
#include "airframe/model/load_placed.h"
#include "airframe/model/lone_sequence.h"
#include "airframe/model/memory_estimate.h"
#include "airframe/model/run_tokens.h"
#include "base/system.h"
#include "shimmy/app/load_model.h"
#include "shimmy/app/models.h"

namespace shimmy {
namespace {

using airframe::vulkan::FaultyDriver;

constexpr uint64_t kMiB = 1 << 20;

class GpuChoice : public testing::Test {
  protected:
    void SetUp() override {
        setenv("SHIMMY_VULKAN_VALIDATION", "1", 0);
        const auto adapters = airframe::list_adapters();
        const bool there = adapters && !adapters->empty() && adapters->front().missing.empty();
        if (!there && !base::env("SHIMMY_REQUIRE_VULKAN")) GTEST_SKIP() << "there is no Vulkan device";
        ASSERT_TRUE(there);
        FaultyDriver::pretend().type = VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;  // one that is chosen by itself
        const auto entry = resolve_model("shimmy-guide", global_);
        ASSERT_TRUE(entry) << entry.error().message;
        entry_ = *entry;
        global_.ctx_tokens = 512;
    }
    void TearDown() override { EXPECT_EQ(airframe::vulkan::validation_messages(), 0); }

    base::Result<std::unique_ptr<airframe::Model>> load() const {
        return load_model(entry_, global_, {.batch_rows_max = 64, .logit_rows_max = 16, .on_progress = {}});
    }
    // The backends by their first words, and that it computes what the CPU computes.
    std::string loaded() const {
        const auto model = load();
        if (!model) return "error: " + model.error().message;
        GlobalOptions cpu;
        cpu.gpu_backend = "cpu";
        const auto right = load_model(entry_, cpu, {.batch_rows_max = 64, .logit_rows_max = 16});
        EXPECT_TRUE(right);
        EXPECT_EQ(next_token(**model), next_token(**right));
        return (*model)->description();
    }
    static int64_t next_token(airframe::Model& model) {
        const int32_t tokens[] = {1, 5, 9, 13, 17};
        const auto logits = airframe::run_tokens(model, tokens, {.chunk_rows = 2});
        EXPECT_TRUE(logits) << logits.error().message;
        if (!logits) return -1;
        const auto last = std::span(*logits).last(model.spec().vocab);
        return std::ranges::max_element(last) - last.begin();
    }
    // That the options lead to the CPU by themselves, and to an error with these words when a GPU is asked
    // for.
    void expect_no_gpu(std::vector<std::string> words) {
        const std::string text = loaded();
        EXPECT_FALSE(text.starts_with("error")) << text;
        EXPECT_FALSE(text.contains("llvmpipe")) << text;
        global_.gpu_backend = "vulkan";
        const auto refused = load();
        ASSERT_FALSE(refused);
        for (const std::string& word : words)
            EXPECT_TRUE(refused.error().message.contains(word)) << word << " in " << refused.error().message;
        global_.gpu_backend = "auto";
        global_.gpu_layers = "all";
        EXPECT_FALSE(load()) << "all layers were asked for";
        global_.gpu_layers = "auto";
    }

    FaultyDriver driver_;
    GlobalOptions global_;
    ModelEntry entry_;
};

TEST_F(GpuChoice, AModelThatFitsGoesToTheGpu) {
    const std::string text = loaded();
    EXPECT_TRUE(text.starts_with("llvmpipe")) << text;
}

TEST_F(GpuChoice, NoAdapter) {
    FaultyDriver::pretend().devices = 0;
    expect_no_gpu({"there is no usable GPU", "shimmy gpu-info"});
}

TEST_F(GpuChoice, NoDriver) {
    FaultyDriver::pretend().no_instance = VK_ERROR_INCOMPATIBLE_DRIVER;
    expect_no_gpu({"Vulkan cannot start", "-9", "NVIDIA_DRIVER_CAPABILITIES", "mesa-vulkan-drivers"});
}

TEST_F(GpuChoice, AnOldDriver) {
    FaultyDriver::pretend().api_version = VK_MAKE_API_VERSION(0, 1, 1, 77);
    expect_no_gpu({"Vulkan 1.2 (it has 1.1.77)"});
}

TEST_F(GpuChoice, MissingFeatures) {
    FaultyDriver::pretend().device_addresses = false;
    expect_no_gpu({"it lacks buffer device addresses"});
    FaultyDriver::pretend().device_addresses = true;
    FaultyDriver::pretend().bytes = false;
    FaultyDriver::pretend().shorts = false;
    expect_no_gpu({"it lacks 8-bit storage, 16-bit storage"});
    FaultyDriver::pretend().bytes = FaultyDriver::pretend().shorts = true;
    FaultyDriver::pretend().subgroups = VK_SUBGROUP_FEATURE_BASIC_BIT;
    expect_no_gpu({"subgroup arithmetic"});
}

TEST_F(GpuChoice, LimitsTooSmall) {
    FaultyDriver::pretend().shared_memory_bytes = 16 << 10;
    expect_no_gpu({"32768 bytes of shared memory (it has 16384)"});
    FaultyDriver::pretend().shared_memory_bytes.reset();
    FaultyDriver::pretend().workgroup_threads = 128;
    expect_no_gpu({"workgroups of 256 (it has 128)"});
}

TEST_F(GpuChoice, AModelTooLargeForAnyLayer) {
    FaultyDriver::pretend().heap_bytes = 128 * kMiB;
    expect_no_gpu({"not one layer fits on a GPU", "MiB of weights", "free", "--gpu-backend cpu"});
}

// Memory for some layers: the rest goes to the CPU, whoever asked for a GPU, but not where all were asked
// for.
TEST_F(GpuChoice, AModelTooLargeForAllLayersIsSplit) {
    global_.ctx_tokens = 65536;  // so that layers differ by many MiB
    global_.gpu_layers = "all";
    FaultyDriver::pretend().heap_bytes = 1024 * kMiB;
    uint64_t whole = 1024 * kMiB;
    while (load()) FaultyDriver::pretend().heap_bytes = whole -= 16 * kMiB;
    const auto refused = load();
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().message.contains("would fit (--gpu-layers ")) << refused.error().message;
    for (const char* backend : {"auto", "vulkan"}) {
        global_.gpu_backend = backend;
        global_.gpu_layers = "auto";
        const std::string text = loaded();
        EXPECT_TRUE(text.contains("layers: llvmpipe") && text.contains("; ")) << text;
    }
}

TEST_F(GpuChoice, LayersAsAskedFor) {
    const auto with = [&](std::string layers) {
        global_.gpu_layers = std::move(layers);
        return loaded();
    };
    EXPECT_TRUE(with("all").starts_with("llvmpipe"));
    EXPECT_FALSE(with("0").contains("llvmpipe"));
    EXPECT_TRUE(with("1").starts_with("0 layers: llvmpipe")) << with("1");
    EXPECT_TRUE(with("2").starts_with("1 layers: llvmpipe")) << with("2");
    EXPECT_TRUE(with("1000").starts_with("llvmpipe"));
}

TEST_F(GpuChoice, SeveralGpusShareWhatOneCannotHold) {
    FaultyDriver::pretend().devices = 2;
    global_.gpu_split = {1, 1};
    EXPECT_EQ(loaded().find("layers: llvmpipe"), loaded().find("layers")) << loaded();
    EXPECT_NE(loaded().find("layers: llvmpipe"), loaded().rfind("layers: llvmpipe")) << loaded();
    global_.gpu_device = "1,0,1";
    global_.gpu_split = {1, 1, 1};
    EXPECT_TRUE(loaded().contains("layers")) << loaded();
    global_.gpu_split = {1, 1};
    const auto wrong = load();
    ASSERT_FALSE(wrong);
    EXPECT_TRUE(wrong.error().message.contains("2 shares for 3 GPUs")) << wrong.error().message;
    global_.gpu_device.clear();
    global_.gpu_split = {1, 1, 1};
    const auto fewer = load();
    ASSERT_FALSE(fewer);
    EXPECT_TRUE(fewer.error().message.contains("3 shares, and 2 usable GPUs")) << fewer.error().message;
}

// The plan's figure is what is taken: never less, and not much more.
TEST_F(GpuChoice, ThePlanTellsTheTruth) {
    FaultyDriver::pretend().type.reset();
    global_.gpu_device = "0";
    uint64_t opened_bytes = 0, planned_bytes = 0;
    {
        const auto gpu = airframe::make_backend("vulkan", {.device = "0"});
        ASSERT_TRUE(gpu) << gpu.error().message;
        opened_bytes = FaultyDriver::allocated_bytes();
        EXPECT_EQ((*gpu)->available_memory_bytes() + opened_bytes, 2048 * kMiB)
            << "lavapipe's heap, of which it tells no free bytes";
        const auto file = open_model(entry_);
        const auto spec = airframe::derive_spec(*file);
        const airframe::ModelSizes sizes = airframe::measure_model(
            *file, *spec, **gpu, {.batch_rows = 64, .logit_rows = 16, .kv_tokens = 512});
        const auto plan =
            airframe::plan_memory(sizes,
                                  {{.name = "gpu",
                                    .available_bytes = (*gpu)->available_memory_bytes(),
                                    .own_bytes = (*gpu)->working_bytes(airframe::work_shape(*spec, 64, 512))},
                                   {.name = "cpu", .available_bytes = 2048 * kMiB}},
                                  {});
        ASSERT_TRUE(plan) << plan.error().message;
        planned_bytes = plan->uses[0].total();
    }
    const auto model = load();
    ASSERT_TRUE(model) << model.error().message;
    auto sequence = airframe::LoneSequence::create(**model, 512);
    ASSERT_TRUE(sequence) << sequence.error().message;
    const std::vector<int32_t> tokens(64, 5);
    for (const size_t rows : {64, 8, 1}) EXPECT_TRUE(sequence->append(std::span(tokens).first(rows)));
    const uint64_t taken_bytes = FaultyDriver::allocated_bytes_most() - opened_bytes;
    EXPECT_LE(taken_bytes, planned_bytes);
    EXPECT_LE(planned_bytes, taken_bytes + 64 * kMiB);
}

}  // namespace
}  // namespace shimmy
