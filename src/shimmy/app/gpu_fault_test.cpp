// A GPU that is lost, hangs or runs out of memory under requests: each gets an error, and the next one works.
// On a real driver (lavapipe in CI) behind one that fails on demand.
#include <gtest/gtest.h>

#include <future>

#include "airframe/backend/vulkan/adapter.h"
#include "airframe/backend/vulkan/faulty_driver.h"
#include "airframe/backend/vulkan/vulkan_backend.h"
#include "base/system.h"
#include "shimmy/app/model_loader.h"
#include "shimmy/app/models.h"
#include "shimmy/service/registry.h"

namespace shimmy {
namespace {

using airframe::vulkan::FaultyDriver;

class GpuFault : public testing::Test {
  protected:
    void SetUp() override {
        setenv("SHIMMY_VULKAN_VALIDATION", "1", 0);
        const auto adapters = airframe::list_adapters();
        const bool there = adapters && !adapters->empty() && adapters->front().missing.empty();
        if (!there && !base::env("SHIMMY_REQUIRE_VULKAN")) GTEST_SKIP() << "there is no Vulkan device";
        ASSERT_TRUE(there);
        global_.gpu_backend = "vulkan";
        global_.gpu_device = "0";
        global_.ctx_tokens = 512;
        const auto entry = resolve_model("shimmy-guide", global_);
        ASSERT_TRUE(entry) << entry.error().message;
        entry_ = *entry;
        registry_.emplace(make_model_loader(global_), RegistryOptions{});
    }

    ModelLease model() {
        std::promise<base::Result<ModelLease>> promise;
        registry_->wait_for(entry_, std::make_shared<ModelWait>([&](base::Result<ModelLease> result) {
                                promise.set_value(std::move(result));
                            }));
        auto lease = promise.get_future().get();
        EXPECT_TRUE(lease) << lease.error().message;
        return lease ? *std::move(lease) : nullptr;
    }
    static std::unique_ptr<airframe::EventStream> ask(const ModelLease& lease, int32_t max_tokens) {
        auto stream = lease->engine->submit({.prompt = {1, 5, 9, 13, 17},
                                             .sampling = {.temperature = 0},
                                             .max_tokens = max_tokens,
                                             .ignore_eos = true});
        EXPECT_TRUE(stream) << stream.error().message;
        return stream ? *std::move(stream) : nullptr;
    }
    struct Answer {
        std::string text;
        std::optional<base::Error> error;
    };
    static Answer read(airframe::EventStream& stream) {
        Answer answer;
        while (const auto event = stream.next()) {
            if (const auto* delta = std::get_if<airframe::Delta>(&*event)) answer.text += delta->text;
            if (const auto* failed = std::get_if<airframe::Failed>(&*event)) answer.error = failed->error;
        }
        return answer;
    }
    // What the model says when nothing goes wrong.
    std::string right_answer() {
        const ModelLease lease = model();
        const Answer answer = read(*ask(lease, 12));
        EXPECT_FALSE(answer.error) << answer.error->message;
        return answer.text;
    }
    // Four requests, of which the device fails the pass number `at`; each must end with this error.
    void lose(FaultyDriver::Spoiled& function, VkResult result, int at, std::string_view detail) {
        const ModelLease lease = model();
        function.fail(result, at);
        std::vector<std::unique_ptr<airframe::EventStream>> streams;
        for (int i = 0; i < 4; ++i)
            if (auto stream = lease->engine->submit({.prompt = {1, 5, 9, 13, 17},
                                                     .sampling = {.temperature = 0},
                                                     .max_tokens = 400,
                                                     .ignore_eos = true}))
                streams.push_back(*std::move(stream));
            else
                EXPECT_EQ(stream.error().detail, detail);
        int failed = 0;
        for (const auto& stream : streams) {
            const Answer answer = read(*stream);
            if (!answer.error) continue;
            ++failed;
            EXPECT_EQ(answer.error->detail, detail) << answer.error->message;
        }
        EXPECT_GT(failed, 0);
        if (detail == airframe::kDeviceLost) {
            EXPECT_EQ(failed, std::ssize(streams));
            EXPECT_TRUE(lease->engine->failure());
            EXPECT_EQ(registry_->try_acquire(entry_), nullptr);
        }
        function.heal();
    }

    FaultyDriver driver_;
    GlobalOptions global_;
    ModelEntry entry_;
    std::optional<Registry> registry_;
};

TEST_F(GpuFault, ALostDeviceCostsTheRunningRequestsOnly) {
    const std::string right = right_answer();
    for (const int at : {0, 6, 20}) {  // in the prompt, and while decoding
        SCOPED_TRACE(at);
        lose(FaultyDriver::wait(), VK_ERROR_DEVICE_LOST, at, airframe::kDeviceLost);
        EXPECT_EQ(right_answer(), right);
        lose(FaultyDriver::submit(), VK_ERROR_DEVICE_LOST, at, airframe::kDeviceLost);
        EXPECT_EQ(right_answer(), right);
    }
    EXPECT_EQ(airframe::vulkan::validation_messages(), 0);
}

TEST_F(GpuFault, SoDoesOneThatDoesNotAnswer) {
    const std::string right = right_answer();
    lose(FaultyDriver::wait(), VK_TIMEOUT, 5, airframe::kDeviceLost);
    EXPECT_EQ(right_answer(), right);
    EXPECT_EQ(airframe::vulkan::validation_messages(), 0);
}

TEST_F(GpuFault, WithoutMemoryForAStepTheEngineGoesOn) {
    const std::string right = right_answer();
    const ModelLease lease = model();
    lose(FaultyDriver::submit(), VK_ERROR_OUT_OF_DEVICE_MEMORY, 4, "");
    EXPECT_FALSE(lease->engine->failure());
    EXPECT_EQ(model(), lease) << "it is the same engine";
    EXPECT_EQ(right_answer(), right);
    EXPECT_EQ(airframe::vulkan::validation_messages(), 0);
}

TEST_F(GpuFault, ADeviceWithoutMemoryForTheModelIsToldWithNumbers) {
    FaultyDriver::allocate().fail(VK_ERROR_OUT_OF_DEVICE_MEMORY, 3, true);
    const auto loaded = make_model_loader(global_).load(entry_, [](double) {});
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, base::ErrorCode::kOutOfMemory);
    EXPECT_NE(loaded.error().message.find("MiB"), std::string::npos) << loaded.error().message;
}

}  // namespace
}  // namespace shimmy
