#include "base/thread_pool.h"

#include <chrono>

#include "base/check.h"

namespace base {
namespace {

// Long enough to bridge the serial bits between two regions of a step, short enough not to starve a
// neighbour.
constexpr auto kSpin = std::chrono::microseconds(50);

void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Spins until done() or the time is over; true when done.
template <class Done>
bool spin_until(Done done) {
    const auto deadline = std::chrono::steady_clock::now() + kSpin;
    for (int i = 0;; ++i) {
        if (done()) return true;
        relax();
        if (i % 64 == 63 && std::chrono::steady_clock::now() > deadline) return done();
    }
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
    CHECK(threads >= 1, "threads = {}", threads);
    workers_.reserve(static_cast<size_t>(threads) - 1);
    for (int part = 1; part < threads; ++part) workers_.emplace_back([this, part] { work(part); });
}

ThreadPool::~ThreadPool() {
    {
        std::lock_guard lock(mutex_);
        stop_ = true;
        generation_.fetch_add(1);
    }
    wake_.notify_all();
    for (auto& worker : workers_) worker.join();
}

void ThreadPool::run_erased(Function function, void* context) {
    if (workers_.empty()) return function(context, 0, 1);
    function_ = function;
    context_ = context;
    pending_.store(static_cast<int>(workers_.size()));
    generation_.fetch_add(1);  // sequentially consistent: publishes function_ and orders against parked_
    if (parked_.load() > 0) {
        std::lock_guard lock(mutex_);
        wake_.notify_all();
    }
    function(context, 0, threads());
    while (pending_.load(std::memory_order_acquire) != 0)
        if (!spin_until([this] { return pending_.load(std::memory_order_acquire) == 0; }))
            std::this_thread::yield();
}

void ThreadPool::work(int part) {
    uint64_t seen = 0;
    for (;;) {
        const auto fresh = [&] { return generation_.load() != seen; };
        if (!spin_until(fresh)) {
            std::unique_lock lock(mutex_);
            parked_.fetch_add(1);
            wake_.wait(lock, fresh);
            parked_.fetch_sub(1);
        }
        seen = generation_.load();
        if (stop_) return;
        function_(context_, part, threads());
        pending_.fetch_sub(1, std::memory_order_release);
    }
}

}  // namespace base
