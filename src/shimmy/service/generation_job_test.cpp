#include "shimmy/service/generation_job.h"

#include <gtest/gtest.h>

#include <future>

#include "shimmy/service/fake_model.h"

namespace shimmy {
namespace {

GenerateRequest text_request() {
    GenerateRequest request;
    request.model = "a";
    request.prompts.emplace_back("x");
    return request;
}

// An engine that is freed on its own thread would wait for itself. That thread is inside a wake-up when the
// job's last owner lets go; the model must still be freed where that owner is.
TEST(GenerationJob, AnEngineThatCallsBackIsNeverTheLastOwnerOfItsModel) {
    auto script = std::make_shared<FakeScript>();
    script->endless = true;
    script->step = std::chrono::milliseconds(1);
    std::promise<std::thread::id> freed_on;
    auto freed = freed_on.get_future();
    auto model = std::make_unique<LoadedModel>();
    model->engine = std::make_unique<FakeEngine>(script);
    ModelLease lease(model.release(), [&freed_on](const LoadedModel* ended) {
        freed_on.set_value(std::this_thread::get_id());
        std::jthread([ended] { delete ended; }).detach();  // whoever is here is not made to wait
    });

    auto job = std::make_shared<GenerationJob>(text_request());
    std::atomic<bool> inside = false, dropping = false;
    job->on_ready([&, self = std::this_thread::get_id()] {
        if (std::this_thread::get_id() == self) return;  // prepare() announces what it made
        inside = true;
        for (int i = 0; i < 10000 && !dropping; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    });
    job->prepare(std::move(lease));
    for (int i = 0; i < 10000 && !inside; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_TRUE(inside);
    dropping = true;
    job.reset();
    ASSERT_EQ(freed.wait_for(std::chrono::seconds(10)), std::future_status::ready);
    EXPECT_EQ(freed.get(), std::this_thread::get_id());
}

TEST(Waker, TheFormerCallIsNeverMadeOnceItIsReplaced) {
    Waker waker;
    std::atomic<bool> stop = false;
    std::jthread engine([&] {
        while (!stop) {
            waker.wake();
            std::this_thread::sleep_for(std::chrono::microseconds(10));
        }
    });
    for (int i = 0; i < 200; ++i) {
        std::atomic<int> calls = 0;
        waker.set([&calls] { ++calls; });
        while (calls == 0) std::this_thread::yield();
        waker.set({});
        const int made = calls;
        std::this_thread::yield();
        EXPECT_EQ(calls, made);
    }
    stop = true;
}

}  // namespace
}  // namespace shimmy
