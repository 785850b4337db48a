// Small GGUF files for tests: written with the writer, or as raw bytes where the file has to be wrong.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "airframe/gguf/gguf_writer.h"
#include "base/test_dir.h"

namespace airframe::testing {

// A folder of its own for each test, removed afterwards.
class FolderTest : public ::testing::Test {
  protected:
    base::TestDir folder_;
    std::filesystem::path dir_ = folder_.path();
};

// Bytes 0, 1, 2, ... that tell which tensor they belong to by their first.
inline std::vector<std::byte> counted_bytes(size_t count, uint8_t first) {
    std::vector<std::byte> bytes(count);
    for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(first + i);
    return bytes;
}

}  // namespace airframe::testing
