#include "shimmy/service/registry.h"

#include <gtest/gtest.h>

#include <future>

#include "shimmy/service/fake_model.h"

namespace shimmy {
namespace {

using std::chrono::milliseconds;

class RegistryTest : public testing::Test {
  protected:
    Registry& start(RegistryOptions options = {}, milliseconds load_takes = {}) {
        registry.emplace(fake_loader(script, loads, load_takes), std::move(options));
        return *registry;
    }
    using Future = std::future<base::Result<ModelLease>>;
    Future ask(const std::string& id, std::shared_ptr<ModelWait>* wait_out = nullptr) {
        auto promise = std::make_shared<std::promise<base::Result<ModelLease>>>();
        auto future = promise->get_future();
        auto wait = std::make_shared<ModelWait>(
            [promise](base::Result<ModelLease> result) { promise->set_value(std::move(result)); });
        if (wait_out != nullptr) *wait_out = wait;
        registry->wait_for(fake_entry(id), std::move(wait));
        return future;
    }
    static base::Result<ModelLease> result_of(Future& future) {
        EXPECT_EQ(future.wait_for(std::chrono::seconds(10)), std::future_status::ready);
        return future.get();
    }

    std::shared_ptr<FakeScript> script = std::make_shared<FakeScript>();
    std::shared_ptr<std::atomic<int>> loads = std::make_shared<std::atomic<int>>(0);
    std::optional<Registry> registry;
};

TEST_F(RegistryTest, LoadsOnceForAllThatWait) {
    start({}, milliseconds(20));
    EXPECT_EQ(registry->try_acquire(fake_entry("a")), nullptr);
    std::vector<Future> futures;
    for (int i = 0; i < 10; ++i) futures.push_back(ask("a"));
    for (Future& each : futures) EXPECT_EQ((*result_of(each))->id, "a");
    EXPECT_EQ(*loads, 1);
    EXPECT_NE(registry->try_acquire(fake_entry("a")), nullptr);
    EXPECT_EQ(registry->status().current_id, "a");
}

TEST_F(RegistryTest, AModelWhoseDeviceIsLostIsLoadedAnew) {
    start();
    auto first = ask("a");
    const ModelLease lost = *result_of(first);
    EXPECT_EQ(registry->try_acquire(fake_entry("a")), lost);
    script->lost = true;
    EXPECT_EQ(registry->try_acquire(fake_entry("a")), nullptr);
    auto second = ask("a");
    EXPECT_NE(*result_of(second), lost);
    EXPECT_EQ(*loads, 2);
}

TEST_F(RegistryTest, SwitchesInTurnsAndLosesNoRequest) {
    start();
    std::vector<std::pair<std::string, Future>> asked;
    for (int i = 0; i < 40; ++i) {
        const std::string id = i % 3 == 0 ? "a" : i % 3 == 1 ? "b" : "c";
        asked.emplace_back(id, ask(id));
    }
    for (auto& [id, future] : asked) EXPECT_EQ((*result_of(future))->id, id);
    EXPECT_LE(*loads, 40);
}

TEST_F(RegistryTest, TheOldModelLivesAsLongAsItsRequests) {
    start();
    auto first = ask("a");
    ModelLease a = *result_of(first);
    auto second = ask("b");
    const ModelLease b = *result_of(second);  // there is memory enough for both
    EXPECT_EQ(a->id, "a");
    EXPECT_NE(a->engine, nullptr);
    EXPECT_EQ(registry->status().current_id, "b");
}

TEST_F(RegistryTest, WaitsForMemoryUntilTheOldModelIsIdle) {
    start({.memory_free_bytes = [] { return uint64_t{0}; }});
    auto first = ask("a");
    ModelLease a = *result_of(first);
    auto second = ask("b");
    EXPECT_EQ(second.wait_for(milliseconds(50)), std::future_status::timeout);
    EXPECT_EQ(registry->status().loading_id, "b");
    EXPECT_EQ(registry->try_acquire(fake_entry("a")), nullptr) << "later requests queue behind the switch";
    a.reset();
    EXPECT_EQ((*result_of(second))->id, "b");
}

TEST_F(RegistryTest, ALoadThatFailsTellsThoseWhoWaitAndNobodyElse) {
    start();
    auto good = ask("a");
    ASSERT_TRUE(result_of(good));
    auto bad = ask("broken");
    auto after = ask("a");
    const auto result = result_of(bad);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, base::ErrorCode::kBadFile);
    EXPECT_TRUE(result_of(after));
}

TEST_F(RegistryTest, AFileThatFailsTheCheckLeavesTheCurrentModelInPlace) {
    ModelLoader loader = fake_loader(script, loads);
    loader.check = [](const ModelEntry& entry) -> base::Result<void> {
        if (entry.id == "broken") return base::fail(base::ErrorCode::kBadFile, "not a GGUF file");
        return {};
    };
    registry.emplace(loader, RegistryOptions{});
    auto good = ask("a");
    ASSERT_TRUE(result_of(good));
    auto bad = ask("broken");
    EXPECT_FALSE(result_of(bad));
    EXPECT_EQ(registry->status().current_id, "a");
    EXPECT_EQ(*loads, 1);
}

TEST_F(RegistryTest, DoesNotLoadForThoseWhoHaveLeft) {
    start({.memory_free_bytes = [] { return uint64_t{0}; }});
    auto first = ask("a");
    ModelLease a = *result_of(first);
    auto second = ask("b");
    std::shared_ptr<ModelWait> leaver;
    auto third = ask("c", &leaver);
    leaver->cancel();
    a.reset();
    EXPECT_TRUE(result_of(second));
    auto fourth = ask("b");
    EXPECT_TRUE(result_of(fourth));
    EXPECT_EQ(*loads, 2);
    EXPECT_EQ(third.wait_for(milliseconds(0)), std::future_status::timeout);
}

TEST_F(RegistryTest, RefusesWhatItCannotHold) {
    start({.waiting_max = 2, .memory_free_bytes = {}}, milliseconds(100));
    std::vector<Future> futures;
    for (int i = 0; i < 4; ++i) futures.push_back(ask("a"));
    int full = 0;
    for (Future& each : futures) {
        const auto result = result_of(each);
        if (!result) full += result.error().code == base::ErrorCode::kQueueFull ? 1 : 0;
    }
    EXPECT_EQ(full, 2);
}

TEST_F(RegistryTest, AnswersEverybodyWhenItEnds) {
    start({.memory_free_bytes = [] { return uint64_t{0}; }});
    auto first = ask("a");
    ModelLease a = *result_of(first);
    auto second = ask("b");
    auto third = ask("c");
    registry.reset();
    EXPECT_EQ(result_of(second).error().code, base::ErrorCode::kUnavailable);
    EXPECT_EQ(result_of(third).error().code, base::ErrorCode::kUnavailable);
    a.reset();  // after the registry: freed here
}

}  // namespace
}  // namespace shimmy
