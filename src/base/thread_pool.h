// The compute pool: a fixed set of threads that run one parallel region at a time, split by shape only.
//
//   pool.run([&](int part, int parts) { rows(part * n / parts, (part + 1) * n / parts); });
// Workers spin for a few microseconds between regions (a decode step is a few hundred of them), then park:
// an idle server costs nothing. One thread (the engine's) calls run(); the body must not call run() again.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace base {

class ThreadPool {
  public:
    // `threads` counts the caller: 1 means no extra thread. REQUIRES: threads >= 1.
    explicit ThreadPool(int threads);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    int threads() const { return static_cast<int>(workers_.size()) + 1; }

    // Calls body(part, parts) once for each part in [0, threads()), in parallel, and returns when all are
    // done.
    template <class Body>
    void run(Body&& body) {
        using Callable = std::remove_reference_t<Body>;  // an lvalue's Body is a reference
        run_erased(
            [](void* context, int part, int parts) { (*static_cast<Callable*>(context))(part, parts); },
            const_cast<void*>(static_cast<const void*>(&body)));
    }

  private:
    using Function = void (*)(void*, int, int);
    void run_erased(Function function, void* context);
    void work(int part);

    std::vector<std::thread> workers_;
    Function function_ = nullptr;
    void* context_ = nullptr;
    std::atomic<uint64_t> generation_{0};  // one increment per region, one at the end
    std::atomic<int> pending_{0};
    std::atomic<int> parked_{0};
    std::atomic<bool> stop_{false};
    std::mutex mutex_;
    std::condition_variable wake_;
};

}  // namespace base
