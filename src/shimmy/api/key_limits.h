// What one API key may do, and what it is doing: requests a minute and requests at once. Any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "shimmy/api/http_message.h"

namespace shimmy {

struct KeyLimits {
    uint32_t requests_per_minute = 0;  // 0: any number. As many may come at once after a minute of rest
    uint32_t concurrent = 0;           // 0: any number
    bool any() const { return requests_per_minute > 0 || concurrent > 0; }
};
// "rpm=60 concurrent=4", either of them or none. Errors: kInvalidArgument.
base::Result<KeyLimits> parse_key_limits(std::string_view text);

class KeyUse : public std::enable_shared_from_this<KeyUse> {
  public:
    using Time = base::Clock::time_point;
    using Headers = std::vector<std::pair<std::string_view, std::string>>;

    // A request that counts as running until it is dropped.
    class Permit {
      public:
        Permit() = default;
        Permit(std::shared_ptr<KeyUse> use) : use_(std::move(use)) {}
        Permit(Permit&& other) noexcept = default;
        Permit& operator=(Permit&& other) noexcept {
            std::swap(use_, other.use_);
            return *this;
        }
        ~Permit() {
            if (use_) use_->leave();
        }

      private:
        std::shared_ptr<KeyUse> use_;
    };
    struct Verdict {
        base::Result<Permit> permit;  // else kQueueFull, detail "rate_limit_exceeded"
        Headers headers;              // x-ratelimit-*, and when to come back; for the response in either case
    };

    explicit KeyUse(KeyLimits limits) : limits_(limits), tokens_(limits.requests_per_minute) {}

    Verdict enter(Time now);
    void change(KeyLimits limits);  // what runs and what was used up counts on

  private:
    void leave();
    void refill(Time now);
    double seconds_until(double tokens) const;  // REQUIRES: requests_per_minute > 0

    std::mutex mutex_;
    KeyLimits limits_;
    double tokens_;  // requests that may come now
    Time refilled_ = base::Clock::now();
    uint32_t running_ = 0;
};

// The reply, with the headers in its head and the permit held until it is done.
std::unique_ptr<Reply> limited_reply(std::unique_ptr<Reply> reply, KeyUse::Permit permit,
                                     KeyUse::Headers headers);

}  // namespace shimmy
