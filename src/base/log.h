// Log lines for the operator, on stderr; standard output belongs to what the user asked for.
//
//   log_info("loaded {} in {} ms", id, ms);
// Level from SHIMMY_LOG_LEVEL (trace, debug, info, warn, error, off) or set_log_level(). Any thread.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace base {

enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError, kOff };

// Returns false (and changes nothing) for a name that is not a level.
bool set_log_level(std::string_view name);
void write_log(LogLevel level, std::string_view message);
bool log_enabled(LogLevel level);

template <class... Args>
void log_at(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
    if (log_enabled(level)) write_log(level, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
    log_at(LogLevel::kDebug, format, std::forward<Args>(args)...);
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
    log_at(LogLevel::kInfo, format, std::forward<Args>(args)...);
}
template <class... Args>
void log_warn(fmt::format_string<Args...> format, Args&&... args) {
    log_at(LogLevel::kWarn, format, std::forward<Args>(args)...);
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
    log_at(LogLevel::kError, format, std::forward<Args>(args)...);
}

// The text with control characters (new lines, terminal escapes) made visible: for values that come from
// outside.
std::string printable(std::string_view text, size_t chars_max = 200);

}  // namespace base
