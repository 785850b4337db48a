#include "shimmy/service/workers.h"

#include "base/check.h"

namespace shimmy {

Workers::Workers(int threads, size_t queue_capacity) : queue_(queue_capacity) {
    CHECK(threads >= 1, "{} workers", threads);
    for (int i = 0; i < threads; ++i) {
        threads_.emplace_back([this] {
            while (auto task = queue_.pop()) (*task)();
        });
    }
}

void Workers::stop() {
    queue_.close();
    threads_.clear();
}

bool Workers::try_post(Task task) { return queue_.try_push(task); }

}  // namespace shimmy
