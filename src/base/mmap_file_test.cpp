#include "base/mmap_file.h"

#include <gtest/gtest.h>

#include <fstream>

namespace base {
namespace {

class MmapFileTest : public ::testing::Test {
  protected:
    std::filesystem::path dir_ = std::filesystem::path(::testing::TempDir()) / "mmap_file_test";
    void SetUp() override { std::filesystem::create_directories(dir_); }
    void TearDown() override { std::filesystem::remove_all(dir_); }
};

TEST_F(MmapFileTest, MapsTheBytesOfAFile) {
    std::ofstream(dir_ / "a") << "hello";
    auto file = MmapFile::open(dir_ / "a");
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->bytes().size(), 5u);
    EXPECT_EQ(static_cast<char>(file->bytes()[4]), 'o');
    MmapFile moved = std::move(*file);
    EXPECT_EQ(moved.bytes().size(), 5u);
    EXPECT_TRUE(file->bytes().empty());
}

TEST_F(MmapFileTest, RefusesWhatCannotBeMapped) {
    EXPECT_EQ(MmapFile::open(dir_ / "absent").error().code, ErrorCode::kNotFound);
    EXPECT_EQ(MmapFile::open(dir_).error().code, ErrorCode::kBadFile);
    std::ofstream(dir_ / "empty").flush();
    EXPECT_EQ(MmapFile::open(dir_ / "empty").error().code, ErrorCode::kBadFile);
}

}  // namespace
}  // namespace base
