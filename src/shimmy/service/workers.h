// Workers: the few threads that do what would hold up an I/O thread: parsing large bodies, rendering,
// tokenizing. Any thread may post.
#pragma once

#include <functional>
#include <thread>
#include <vector>

#include "base/queue.h"

namespace shimmy {

class Workers {
  public:
    using Task = std::move_only_function<void()>;

    // REQUIRES: threads >= 1.
    Workers(int threads, size_t queue_capacity);
    ~Workers() { stop(); }
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    // False when the queue is full or closed: the task has not been taken.
    bool try_post(Task task);

    // Runs what is queued, then joins; afterwards every task is refused. By the owner, once or more.
    void stop();

  private:
    base::BoundedQueue<Task> queue_;
    std::vector<std::jthread> threads_;
};

}  // namespace shimmy
