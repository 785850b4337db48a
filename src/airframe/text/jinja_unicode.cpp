// Characters as Python's str sees them, over utf8proc's tables. See jinja_unicode.h.
#include "airframe/text/jinja_unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <span>

#include "airframe/text/jinja_unicode_tables.h"
#include "base/utf8.h"

namespace airframe::jinja {
namespace {

utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

bool in_ranges(std::span<const CharRange> ranges, char32_t c) {
    const auto after = std::ranges::upper_bound(ranges, c, {}, &CharRange::first);
    return after != ranges.begin() && c <= std::prev(after)->last;
}

bool append_mapped(std::span<const CharMapping> table, std::u32string& out, char32_t c) {
    const auto row = std::ranges::lower_bound(table, c, {}, &CharMapping::from);
    if (row == table.end() || row->from != c) return false;
    for (const char32_t to : row->to) {
        if (to != 0) out.push_back(to);
    }
    return true;
}

char32_t ascii_lower(char32_t c) { return c >= U'A' && c <= U'Z' ? c + 32 : c; }
char32_t ascii_upper(char32_t c) { return c >= U'a' && c <= U'z' ? c - 32 : c; }

bool is_mark(utf8proc_category_t c) { return c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_MC; }

}  // namespace

int64_t count_code_points(std::string_view text) {
    int64_t count = 0;
    for (size_t at = 0; at < text.size();) {
        if (static_cast<unsigned char>(text[at]) < 0x80)
            ++at;
        else
            base::next_code_point(text, at);
        ++count;
    }
    return count;
}

bool is_space(char32_t c) {
    if (c < 0x80) return c == U' ' || (c >= 0x9 && c <= 0xd) || (c >= 0x1c && c <= 0x1f);
    return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool is_line_break(char32_t c) {
    return (c >= 0xa && c <= 0xd) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool is_printable(char32_t c) {
    if (c < 0x7f) return c >= 0x20;
    switch (category(c)) {
        case UTF8PROC_CATEGORY_CC:
        case UTF8PROC_CATEGORY_CF:
        case UTF8PROC_CATEGORY_CS:
        case UTF8PROC_CATEGORY_CO:
        case UTF8PROC_CATEGORY_CN:
        case UTF8PROC_CATEGORY_ZL:
        case UTF8PROC_CATEGORY_ZP:
        case UTF8PROC_CATEGORY_ZS:
            return false;
        default:
            return true;
    }
}

bool is_alphabetic(char32_t c) {
    const auto kind = category(c);
    return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}
bool is_decimal(char32_t c) { return category(c) == UTF8PROC_CATEGORY_ND; }
bool is_digit(char32_t c) { return is_decimal(c) || in_ranges(kOtherDigit, c); }
bool is_numeric(char32_t c) {
    const auto kind = category(c);
    return kind == UTF8PROC_CATEGORY_ND || kind == UTF8PROC_CATEGORY_NL || kind == UTF8PROC_CATEGORY_NO ||
           in_ranges(kOtherNumeric, c);
}
bool is_upper(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LU || in_ranges(kOtherUpper, c); }
bool is_lower(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LL || in_ranges(kOtherLower, c); }
bool is_title(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LT; }
bool is_cased(char32_t c) { return is_upper(c) || is_lower(c) || is_title(c); }
bool is_word(char32_t c) { return c == U'_' || is_alphabetic(c) || is_numeric(c); }

bool is_identifier_start(char32_t c) {
    if (c < 0x80) return c == U'_' || (ascii_lower(c) >= U'a' && ascii_lower(c) <= U'z');
    return is_alphabetic(c) || category(c) == UTF8PROC_CATEGORY_NL;
}

bool is_identifier_part(char32_t c) {
    if (c < 0x80) return is_identifier_start(c) || (c >= U'0' && c <= U'9');
    const auto kind = category(c);
    return is_identifier_start(c) || is_mark(kind) || kind == UTF8PROC_CATEGORY_ND ||
           kind == UTF8PROC_CATEGORY_PC;
}

void append_upper(std::u32string& out, char32_t c) {
    if (c < 0x80) return out.push_back(ascii_upper(c));
    if (append_mapped(kSpecialUpper, out, c)) return;
    out.push_back(static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))));
}

void append_title(std::u32string& out, char32_t c) {
    if (c < 0x80) return out.push_back(ascii_upper(c));
    if (append_mapped(kSpecialTitle, out, c)) return;
    out.push_back(static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c))));
}

void append_lower(std::u32string& out, char32_t c) {
    if (c < 0x80) return out.push_back(ascii_lower(c));
    if (append_mapped(kSpecialLower, out, c)) return;
    out.push_back(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
}

void append_folded(std::u32string& out, char32_t c) {
    if (!append_mapped(kSpecialFold, out, c)) append_lower(out, c);
}

char32_t lower_sigma(std::u32string_view text, size_t at) {
    // Marks and modifiers between the sigma and its neighbours do not count.
    const auto skipped = [](char32_t c) {
        const auto kind = category(c);
        return kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_ME || kind == UTF8PROC_CATEGORY_CF ||
               kind == UTF8PROC_CATEGORY_LM || kind == UTF8PROC_CATEGORY_SK || c == U'\'' || c == U'.' ||
               c == U':' || c == 0xb7 || c == 0x2019;
    };
    size_t before = at;
    while (before > 0 && skipped(text[before - 1])) --before;
    size_t after = at + 1;
    while (after < text.size() && skipped(text[after])) ++after;
    const bool ends_word =
        before > 0 && is_cased(text[before - 1]) && !(after < text.size() && is_cased(text[after]));
    return ends_word ? 0x3c2 : 0x3c3;
}

std::u32string to_utf32(std::string_view text) {
    std::u32string out;
    out.reserve(text.size());
    for (size_t at = 0; at < text.size();) out.push_back(base::next_code_point(text, at));
    return out;
}

std::string to_utf8(std::u32string_view text) {
    std::string out;
    for (const char32_t c : text) base::append_utf8(out, c);
    return out;
}

size_t leading_space_bytes(std::string_view text) {
    size_t at = 0;
    while (at < text.size()) {
        size_t next = at;
        if (!is_space(base::next_code_point(text, next))) break;
        at = next;
    }
    return at;
}

size_t trailing_space_bytes(std::string_view text) {
    size_t end = text.size();
    while (end > 0) {
        size_t begin = end - 1;
        while (begin > 0 && end - begin < 4 && (text[begin] & 0xc0) == 0x80) --begin;
        size_t at = begin;
        if (!is_space(base::next_code_point(text, at)) || at != end) break;
        end = begin;
    }
    return text.size() - end;
}

}  // namespace airframe::jinja
