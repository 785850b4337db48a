// What people see: colours where there is a terminal, sizes as they are spoken, tables, and a bar while
// something loads. Any thread, but one at a time per stream.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace shimmy {

enum class Style : uint8_t { kBold, kDim, kGreen, kYellow, kRed, kCyan };

// True when `stream` is a terminal that wants colours: NO_COLOR (https://no-color.org) and TERM=dumb are
// obeyed.
bool wants_colour(std::FILE* stream);
// The text in a style; as it is where `stream` wants no colours.
std::string styled(std::FILE* stream, Style style, std::string_view text);

// "shimmy: warning: …" on stderr.
void warn(std::string_view message);

// "638 MB", "1.2 GB": decimal units, as shops and file managers write them.
std::string format_bytes(uint64_t bytes);
// "131,072"
std::string format_thousands(uint64_t value);

// Columns as wide as their widest cell, two spaces apart, no space at line ends. The first row is the
// heading.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

// The text in `chars_max` characters at most, with "…" where it was cut; control characters made visible.
std::string shortened(std::string_view text, size_t chars_max);

// A line on stderr that shows how far something is, once it has taken a second. On a terminal a bar that
// moves; elsewhere a plain line every five seconds. One thread.
class ProgressBar {
  public:
    // `what`: "loading tiny-llama"; `total_bytes` gives the rate and the time left.
    ProgressBar(std::string what, uint64_t total_bytes);
    ~ProgressBar();  // wipes the bar
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;

    void update(double done);  // 0 to 1

  private:
    std::string text(double done) const;

    const std::string what_;
    const uint64_t total_bytes_;
    const bool terminal_;
    const base::Clock::time_point start_ = base::Clock::now();
    base::Clock::time_point next_;
    bool shown_ = false;
};

}  // namespace shimmy
