#include "base/mmap_file.h"
#include "base/test_dir.h"

#include <gtest/gtest.h>

#include <fstream>

namespace base {
namespace {

class MmapFileTest : public ::testing::Test {
  protected:
    TestDir dir_;
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
    EXPECT_EQ(MmapFile::open(dir_.path()).error().code, ErrorCode::kBadFile);
    std::ofstream(dir_ / "empty").flush();
    EXPECT_EQ(MmapFile::open(dir_ / "empty").error().code, ErrorCode::kBadFile);
}

}  // namespace
}  // namespace base
