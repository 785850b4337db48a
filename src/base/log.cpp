#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <cstdlib>
#include <utility>

namespace base {
namespace {

constexpr std::array<std::pair<std::string_view, spdlog::level::level_enum>, 6> kLevels{{
    {"trace", spdlog::level::trace},
    {"debug", spdlog::level::debug},
    {"info", spdlog::level::info},
    {"warn", spdlog::level::warn},
    {"error", spdlog::level::err},
    {"off", spdlog::level::off},
}};

spdlog::logger& logger() {
    static spdlog::logger instance = [] {
        const bool plain = std::getenv("NO_COLOR") != nullptr;
        auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(
            plain ? spdlog::color_mode::never : spdlog::color_mode::automatic);
        spdlog::logger made("shimmy", std::move(sink));
        made.set_pattern("%^%L%$ %H:%M:%S.%e %v");
        made.set_level(spdlog::level::info);
        const char* wanted = std::getenv("SHIMMY_LOG_LEVEL");
        for (auto [name, level] : kLevels)
            if (wanted != nullptr && name == wanted) made.set_level(level);
        return made;
    }();
    return instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) { return kLevels[static_cast<size_t>(level)].second; }

}  // namespace

bool set_log_level(std::string_view name) {
    for (auto [known, level] : kLevels) {
        if (known != name) continue;
        logger().set_level(level);
        return true;
    }
    return false;
}

bool log_enabled(LogLevel level) { return logger().should_log(to_spdlog(level)); }

void write_log(LogLevel level, std::string_view message) { logger().log(to_spdlog(level), message); }

std::string printable(std::string_view text, size_t chars_max) {
    std::string out;
    for (const char c : text.substr(0, chars_max)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f)
            out += fmt::format("\\x{:02x}", byte);
        else
            out += c;
    }
    if (text.size() > chars_max) out += fmt::format("… ({} bytes)", text.size());
    return out;
}

}  // namespace base
