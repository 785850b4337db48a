#include "shimmy/app/terminal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <utility>

#include "base/log.h"
#include "base/system.h"
#include "base/utf8.h"

namespace shimmy {
namespace {

constexpr std::array<std::string_view, 6> kStyleCodes{"\x1b[1m",  "\x1b[2m",  "\x1b[32m",
                                                      "\x1b[33m", "\x1b[31m", "\x1b[36m"};
constexpr std::string_view kReset = "\x1b[0m";
constexpr std::string_view kWipeLine = "\r\x1b[K";

using namespace std::chrono_literals;
constexpr auto kQuietTime = 1s;
constexpr auto kBarInterval = 100ms;
constexpr auto kLineInterval = 5s;

// Characters, as columns of a terminal: close enough for model names.
size_t width_of(std::string_view text) {
    size_t count = 0;
    for (size_t at = 0; at < text.size(); ++count) base::next_code_point(text, at);
    return count;
}

}  // namespace

void warn(std::string_view message) {
    fmt::print(stderr, "{} {}\n", styled(stderr, Style::kYellow, "shimmy: warning:"), message);
}

bool wants_colour(std::FILE* stream) {
    return base::is_terminal(::fileno(stream)) && !base::env("NO_COLOR") &&
           base::env("TERM").value_or("") != "dumb";
}

std::string styled(std::FILE* stream, Style style, std::string_view text) {
    if (!wants_colour(stream)) return std::string(text);
    return fmt::format("{}{}{}", kStyleCodes[std::to_underlying(style)], text, kReset);
}

std::string format_bytes(uint64_t bytes) {
    constexpr std::array<std::pair<double, std::string_view>, 4> kUnits{
        {{1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}}};
    const auto value = static_cast<double>(bytes);
    for (const auto& [size, unit] : kUnits) {
        if (value < size) continue;
        const double scaled = value / size;
        return scaled < 9.95 ? fmt::format("{:.1f} {}", scaled, unit)
                             : fmt::format("{:.0f} {}", scaled, unit);
    }
    return fmt::format("{} B", bytes);
}

std::string format_thousands(uint64_t value) {
    std::string digits = fmt::format("{}", value);
    for (size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
    return digits;
}

std::string format_table(const std::vector<std::vector<std::string>>& rows) {
    std::vector<size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
    }
    std::string out;
    for (const auto& row : rows) {
        std::string line;
        for (size_t i = 0; i < row.size(); ++i) {
            line += row[i];
            line.append(widths[i] - width_of(row[i]) + 2, ' ');
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + "\n";
    }
    return out;
}

std::string shortened(std::string_view text, size_t chars_max) {
    size_t at = 0;
    std::string out;
    const std::string valid = base::to_valid_utf8(text.substr(0, chars_max * 4 + 4));
    for (size_t count = 0; at < valid.size(); ++count) {
        const size_t begin = at;
        const char32_t c = base::next_code_point(valid, at);
        if (count == chars_max) return out + "…";
        if (c == '\n')
            out += "\\n";
        else if (c < 0x20 || (c >= 0x7f && c < 0xa0))
            out += fmt::format("\\x{:02x}", static_cast<uint32_t>(c));
        else
            out += valid.substr(begin, at - begin);
    }
    return out;
}

ProgressBar::ProgressBar(std::string what, uint64_t total_bytes)
    : what_(std::move(what)),
      total_bytes_(total_bytes),
      terminal_(base::is_terminal(2)),
      next_(start_ + kQuietTime) {}

ProgressBar::~ProgressBar() {
    if (shown_ && terminal_) fmt::print(stderr, "{}", kWipeLine);
}

void ProgressBar::update(double done) {
    const auto now = base::Clock::now();
    if (now < next_) return;
    next_ = now + (terminal_ ? base::Clock::duration(kBarInterval) : base::Clock::duration(kLineInterval));
    shown_ = true;
    const std::string line = text(std::clamp(done, 0.0, 1.0));
    if (terminal_)
        fmt::print(stderr, "{}{}", kWipeLine, line);
    else
        fmt::print(stderr, "{}\n", line);
    std::fflush(stderr);
}

std::string ProgressBar::text(double done) const {
    constexpr int kCells = 24;
    const double elapsed_s = base::seconds_since(start_);
    const double bytes = done * static_cast<double>(total_bytes_);
    std::string out = what_ + " ";
    if (terminal_) {
        const int filled = static_cast<int>(std::lround(done * kCells));
        for (int i = 0; i < kCells; ++i) out += i < filled ? "█" : "░";
    }
    out += fmt::format(" {:3.0f}%", done * 100);
    if (total_bytes_ > 0 && done > 0)
        out += fmt::format("  {} of {}, {}/s, {:.0f} s left", format_bytes(static_cast<uint64_t>(bytes)),
                           format_bytes(total_bytes_), format_bytes(static_cast<uint64_t>(bytes / elapsed_s)),
                           elapsed_s / done * (1 - done));
    return out;
}

}  // namespace shimmy
