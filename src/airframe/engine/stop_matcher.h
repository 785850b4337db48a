// StopMatcher: finds stop strings in a text that arrives in pieces, wherever the pieces' borders lie.
//
// Text that could be the beginning of a stop string is held back until it is decided. The first stop string
// to be complete ends the text; of several complete at the same byte the longest does. So the result does not
// depend on how the text was cut. One step per byte and stop string (Knuth, Morris and Pratt 1977). Engine
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace airframe {

class StopMatcher {
  public:
    // REQUIRES: no stop string is empty.
    explicit StopMatcher(std::span<const std::string> stops);

    // Appends to `out` what of the text so far may be shown now. True when a stop string is complete: what
    // stands before it has been appended, and push() must not be called again.
    bool push(std::string_view text, std::string& out);

    // The text has ended without one: appends what was held back.
    void finish(std::string& out);

    // The stop string that ended the text; empty while none has.
    const std::string& matched() const { return matched_; }

  private:
    struct Stop {
        std::string text;
        std::vector<uint32_t>
            fallback;        // [length]: the longest proper prefix of text[0..i] that also ends it
        size_t matched = 0;  // bytes of text that end what has been seen
    };
    static size_t advance(const Stop& stop, char byte);

    std::vector<Stop> stops_;
    std::string held_;
    std::string matched_;
};

}  // namespace airframe
