#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>

namespace base {
namespace {

TEST(ThreadPool, RunsEachPartOnce) {
    for (const int threads : {1, 2, 5}) {
        ThreadPool pool(threads);
        std::vector<int> calls(static_cast<size_t>(threads));
        for (int round = 0; round < 2000; ++round)
            pool.run([&](int part, int parts) {
                EXPECT_EQ(parts, threads);
                ++calls[static_cast<size_t>(part)];
            });
        for (const int n : calls) EXPECT_EQ(n, 2000);
    }
}

TEST(ThreadPool, WakesAfterParking) {
    ThreadPool pool(3);
    std::atomic<int> sum = 0;
    for (int round = 0; round < 5; ++round) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        pool.run([&](int part, int) { sum += part; });
    }
    EXPECT_EQ(sum, 15);
}

TEST(ThreadPool, TakesBodiesWithNamesAndConstantOnes) {
    ThreadPool pool(3);
    std::atomic<int> sum = 0;
    auto named = [&](int part, int) mutable { sum += part; };
    const auto constant = [&](int part, int) { sum += 10 * part; };
    pool.run(named);
    pool.run(constant);
    EXPECT_EQ(sum, 33);
}

}  // namespace
}  // namespace base
