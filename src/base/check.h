// CHECK(condition, format, args...): a broken promise between our own parts. Aborts with the place and the
// values. Never for input: files and requests yield a Result (result.h).
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace base {

[[noreturn]] void check_failed(const char* file, int line, const char* condition, std::string_view message);

}  // namespace base

#define CHECK(condition, ...)                                                                    \
    do {                                                                                         \
        if (!(condition)) [[unlikely]]                                                           \
            ::base::check_failed(__FILE__, __LINE__, #condition, ::fmt::format("" __VA_ARGS__)); \
    } while (0)
