// Waker: how an engine tells a consumer that there is something to read, and all that it may hold of it.
//
// What an engine's callback holds can be freed on the engine's thread. A callback that held the job would
// hold the model with it, and the engine would have to join itself; so the job and the callbacks share only
// this.
#pragma once

#include <functional>
#include <mutex>
#include <utility>

namespace shimmy {

class Waker {
  public:
    // Replaces what wake() calls; nothing for none. Once this has returned, the former one is never called.
    void set(std::function<void()> wake) {
        std::lock_guard lock(mutex_);
        wake_.swap(wake);  // the former one is freed with the argument, after the lock
    }
    void wake() {
        std::lock_guard lock(mutex_);
        if (wake_) wake_();
    }

  private:
    std::mutex mutex_;
    std::function<void()> wake_;
};

}  // namespace shimmy
