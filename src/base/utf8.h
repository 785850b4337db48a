// UTF-8 as tokenizers, templates and streams need it: forgiving decoding, encoding, and cutting at character
// borders.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace base {

// Decodes the character at text[at] and advances `at`. Bytes that are no valid UTF-8 (overlong forms,
// surrogates and values above U+10FFFF included) give U+FFFD and advance by one byte. REQUIRES: at <
// text.size().
char32_t next_code_point(std::string_view text, size_t& at);

void append_utf8(std::string& out, char32_t code_point);

bool is_valid_utf8(std::string_view text);

// How many bytes at the end of `text` are the beginning of a character that later bytes could still complete
// (0 to 3).
size_t incomplete_utf8_tail(std::string_view text);

// The text with every maximal invalid sequence replaced by U+FFFD (Unicode 15, section 3.9, as the WHATWG
// decoder does).
std::string to_valid_utf8(std::string_view text);

}  // namespace base
