#include "base/utf8.h"

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(Utf8, EveryCodePointSurvivesEncodingAndDecoding) {
    for (char32_t c = 0; c <= 0x10FFFF; ++c) {
        if (c >= 0xD800 && c <= 0xDFFF) continue;
        std::string text;
        append_utf8(text, c);
        size_t at = 0;
        ASSERT_EQ(next_code_point(text, at), c);
        ASSERT_EQ(at, text.size());
        ASSERT_TRUE(is_valid_utf8(text));
        for (size_t cut = 1; cut < text.size(); ++cut)
            ASSERT_EQ(incomplete_utf8_tail(std::string_view(text).substr(0, cut)), cut)
                << static_cast<uint32_t>(c);
        ASSERT_EQ(incomplete_utf8_tail(text), 0u);
    }
}

TEST(Utf8, InvalidSequencesBecomeReplacementCharacters) {
    EXPECT_EQ(to_valid_utf8("a\xFFz"), "a\xEF\xBF\xBDz");
    EXPECT_EQ(to_valid_utf8("\xE2\x82"), "\xEF\xBF\xBD");                              // cut euro sign: one
    EXPECT_EQ(to_valid_utf8("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // surrogate: three
    EXPECT_EQ(to_valid_utf8("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD");                  // overlong
    EXPECT_FALSE(is_valid_utf8("\xF5\x80\x80\x80"));
    EXPECT_EQ(incomplete_utf8_tail("\xFF"), 0u);
    EXPECT_EQ(incomplete_utf8_tail("a\x80"), 0u);
}

}  // namespace
}  // namespace base
