// Budget: what compiling one grammar may cost. Everything that a text from outside can make grow is counted
// here, so that a bomb ends as an error, soon.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace airframe {

class Budget {
  public:
    // A unit is about one state or edge looked at: at most some 70 bytes or 50 ns.
    static constexpr size_t kUnitsMax = 1'200'000;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    static constexpr double kSecondsMax = 14;  // a step takes some twenty times as long
#else
    static constexpr double kSecondsMax = 0.7;
#endif

    base::Result<void> spend(size_t units) {
        used_ += units;
        if (used_ > kUnitsMax || (++calls_ % 64 == 0 && base::seconds_since(start_) > kSecondsMax))
            return base::fail(
                base::ErrorCode::kInvalidArgument,
                "it is too large to compile: more than {} steps or {} s; make repetitions, bounds "
                "and alternatives smaller",
                kUnitsMax, kSecondsMax);
        return {};
    }

  private:
    base::Clock::time_point start_ = base::Clock::now();
    size_t used_ = 0, calls_ = 0;
};

}  // namespace airframe
