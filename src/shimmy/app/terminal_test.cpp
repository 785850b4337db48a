#include "shimmy/app/terminal.h"

#include <gtest/gtest.h>

namespace shimmy {
namespace {

TEST(FormatBytes, AsPeopleSayThem) {
    EXPECT_EQ(format_bytes(0), "0 B");
    EXPECT_EQ(format_bytes(999), "999 B");
    EXPECT_EQ(format_bytes(344'448), "344 kB");
    EXPECT_EQ(format_bytes(637'699'456), "638 MB");
    EXPECT_EQ(format_bytes(1'100'000'000), "1.1 GB");
    EXPECT_EQ(format_bytes(9'960'000), "10 MB");
}

TEST(FormatThousands, Groups) {
    EXPECT_EQ(format_thousands(7), "7");
    EXPECT_EQ(format_thousands(1'024), "1,024");
    EXPECT_EQ(format_thousands(1'234'567), "1,234,567");
}

TEST(FormatTable, AlignsByCharactersAndEndsCleanly) {
    EXPECT_EQ(format_table({{"ID", "SIZE"}, {"größe", "1"}, {"x", ""}}), "ID     SIZE\ngröße  1\nx\n");
}

TEST(Shortened, CutsAtCharactersAndShowsControls) {
    EXPECT_EQ(shortened("short", 10), "short");
    EXPECT_EQ(shortened("größer", 3), "grö…");
    EXPECT_EQ(shortened("größer", 6), "größer");
    EXPECT_EQ(shortened("a\nb\x1b[31m", 20), "a\\nb\\x1b[31m");
    EXPECT_EQ(shortened(std::string(1 << 20, 'x'), 4), "xxxx…");
    EXPECT_EQ(shortened("\xff\xfe", 5), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

}  // namespace
}  // namespace shimmy
