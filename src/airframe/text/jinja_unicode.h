// Characters as Python's str sees them: white space, letters, digits, case. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace airframe::jinja {

int64_t count_code_points(std::string_view text);

bool is_space(char32_t c);  // str.isspace, str.split, the \s of patterns
bool is_line_break(char32_t c);
bool is_printable(char32_t c);
bool is_alphabetic(char32_t c);
bool is_decimal(char32_t c);
bool is_digit(char32_t c);
bool is_numeric(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);
bool is_title(char32_t c);
bool is_cased(char32_t c);
bool is_word(char32_t c);  // the \w of patterns
bool is_identifier_start(char32_t c);
bool is_identifier_part(char32_t c);

// Mappings of one character; some give several ("ß" -> "SS").
void append_upper(std::u32string& out, char32_t c);
void append_title(std::u32string& out, char32_t c);
void append_lower(std::u32string& out, char32_t c);
void append_folded(std::u32string& out, char32_t c);
// The lower form of a capital sigma at `at`: final when a letter stands before it and none after.
char32_t lower_sigma(std::u32string_view text, size_t at);

std::u32string to_utf32(std::string_view text);
std::string to_utf8(std::u32string_view text);

// Bytes of white space at the two ends.
size_t leading_space_bytes(std::string_view text);
size_t trailing_space_bytes(std::string_view text);

}  // namespace airframe::jinja
