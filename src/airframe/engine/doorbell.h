// Doorbell: wakes the engine thread out of its sleep. A ring is never lost: it is kept until the next wait.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>

#include "base/clock.h"

namespace airframe {

class Doorbell {
  public:
    void ring() {
        {
            std::lock_guard lock(mutex_);
            rung_ = true;
        }
        changed_.notify_one();
    }

    // Returns after a ring since the last wait, or at `until` when that is given.
    void wait(std::optional<base::Clock::time_point> until) {
        std::unique_lock lock(mutex_);
        const auto rung = [this] { return rung_; };
        if (until)
            changed_.wait_until(lock, *until, rung);
        else
            changed_.wait(lock, rung);
        rung_ = false;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool rung_ = false;
};

}  // namespace airframe
