// Where tests find the shared test data: the folder named by SHIMMY_TEST_DATA. For test files only.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

namespace base {

inline std::optional<std::filesystem::path> test_data_dir() {
    const char* dir = std::getenv("SHIMMY_TEST_DATA");
    if (dir == nullptr || *dir == '\0') return std::nullopt;
    return std::filesystem::path(dir);
}

}  // namespace base

// Binds `dir` to the data folder; without one the test is skipped by name, and fails where CI is set.
#define REQUIRE_TEST_DATA(dir)                                                                \
    const auto dir##_optional = ::base::test_data_dir();                                      \
    if (!dir##_optional) {                                                                    \
        if (std::getenv("CI") != nullptr) FAIL() << "SHIMMY_TEST_DATA is not set, but CI is"; \
        GTEST_SKIP() << "SHIMMY_TEST_DATA is not set: this test needs the shared test data";  \
    }                                                                                         \
    const std::filesystem::path dir = *dir##_optional
