// A fresh folder for the files of one test. For test files only.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace base {

// Nobody else's folder: CTest runs the cases of one program, and the same case of its sanitizer build, side
// by side. Empty at the beginning, removed with what is in it at the end.
class TestDir {
  public:
    TestDir() {
        static int count = 0;
        path_ = std::filesystem::path(::testing::TempDir()) /
                ("shimmy_test_" + std::to_string(getpid()) + "_" + std::to_string(count++));
        std::filesystem::remove_all(path_);  // of a process that died with the same number
        std::filesystem::create_directories(path_);
    }
    ~TestDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TestDir(const TestDir&) = delete;
    TestDir& operator=(const TestDir&) = delete;

    const std::filesystem::path& path() const noexcept { return path_; }
    std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

}  // namespace base
