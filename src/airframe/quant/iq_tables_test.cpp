#include "airframe/quant/iq_tables.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "airframe/quant/test_bytes.h"

namespace airframe {
namespace {

// The digests were computed from the published tables by another program.
template <class Point, int kPoints>
void check_grid(const Grid<Point, kPoints>& grid, std::set<int> levels, uint64_t expected) {
    std::set<Point> distinct(grid.points, grid.points + kPoints);
    EXPECT_EQ(distinct.size(), static_cast<size_t>(kPoints));
    for (const Point point : grid.points)
        for (size_t i = 0; i < sizeof(Point); ++i) ASSERT_TRUE(levels.contains(point >> (8 * i) & 255));
    EXPECT_EQ(testing::digest(std::as_bytes(std::span(grid.points))), expected);
}

TEST(IqTables, GridsAreThoseOfTheFormat) {
    check_grid(kIq2XxsGrid, {8, 25, 43}, 0xbb4ee025b5ac6e8e);
    check_grid(kIq2XsGrid, {8, 25, 43}, 0xc9b1ee61e79909bd);
    check_grid(kIq2SGrid, {8, 25, 43}, 0x123edd38a3b62b90);
    check_grid(kIq1Grid, {255, 0, 1}, 0xcf9df848bb1b3dad);
    check_grid(kIq3XxsGrid, {4, 12, 20, 28, 36, 44, 52, 62}, 0xdfa5dc83d6a155d5);
    check_grid(kIq3SGrid, {1, 3, 5, 7, 9, 11, 13, 15}, 0xfa37020c25b44829);
}

TEST(IqTables, ValuesAscend) { EXPECT_TRUE(std::ranges::is_sorted(kIq4Values)); }

}  // namespace
}  // namespace airframe
