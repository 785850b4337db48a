// Small GGUF files for tests: written with the writer, or as raw bytes where the file has to be wrong.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "airframe/gguf/gguf_writer.h"

namespace airframe::testing {

// A folder of its own for each test, removed afterwards.
class FolderTest : public ::testing::Test {
  protected:
    void SetUp() override {
        const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
        dir_ = std::filesystem::path(::testing::TempDir()) /
               (std::string(test->test_suite_name()) + "_" + test->name());
        std::filesystem::remove_all(dir_);
        std::filesystem::create_directories(dir_);
    }
    void TearDown() override { std::filesystem::remove_all(dir_); }

    std::filesystem::path dir_;
};

// Bytes 0, 1, 2, ... that tell which tensor they belong to by their first.
inline std::vector<std::byte> counted_bytes(size_t count, uint8_t first) {
    std::vector<std::byte> bytes(count);
    for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(first + i);
    return bytes;
}

}  // namespace airframe::testing
