// String literals: what their escape sequences stand for, as Python reads them. See jinja_lexer.h.
#include <fmt/format.h>

#include <algorithm>

#include "airframe/text/jinja_lexer.h"
#include "base/utf8.h"

namespace airframe::jinja {
namespace {

bool is_digit_of(char c, int base) {
    if (base == 16) return std::isxdigit(static_cast<unsigned char>(c)) != 0;
    return c >= '0' && c < '0' + base;
}

// Reads up to `count_max` digits of `base` at text[at], advancing.
uint32_t read_digits(std::string_view text, size_t& at, int base, size_t count_max) {
    uint32_t value = 0;
    for (size_t i = 0; i < count_max && at < text.size() && is_digit_of(text[at], base); ++i, ++at) {
        const char c = static_cast<char>(text[at] | 0x20);
        value = value * static_cast<uint32_t>(base) +
                static_cast<uint32_t>(c <= '9' ? text[at] - '0' : c - 'a' + 10);
    }
    return value;
}

struct Escape {
    char letter, meaning;
};
constexpr Escape kEscapes[] = {{'n', '\n'}, {'t', '\t'}, {'r', '\r'}, {'\\', '\\'}, {'\'', '\''},
                               {'"', '"'},  {'a', '\a'}, {'b', '\b'}, {'f', '\f'},  {'v', '\v'}};

// Python spells characters beyond ASCII as escapes before it reads escapes: a backslash before one shows
// that.
void append_escaped_unicode(std::string& out, char32_t c) {
    const auto code = static_cast<uint32_t>(c);
    out += code <= 0xff     ? fmt::format("\\x{:02x}", code)
           : code <= 0xffff ? fmt::format("\\u{:04x}", code)
                            : fmt::format("\\U{:08x}", code);
}

// One escape sequence; `at` stands behind the backslash.
void append_escape(std::string& out, std::string_view body, size_t& at) {
    const char c = body[at];
    for (const Escape& row : kEscapes) {
        if (row.letter != c) continue;
        out.push_back(row.meaning);
        ++at;
        return;
    }
    if (c == '\n') {
        ++at;
        return;
    }
    if (c >= '0' && c <= '7') return base::append_utf8(out, read_digits(body, at, 8, 3));
    const size_t hex_digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (hex_digits > 0) {
        size_t end = at + 1;
        const uint32_t value = read_digits(body, end, 16, hex_digits);
        if (end != at + 1 + hex_digits || value > 0x10ffff)
            throw SyntaxFailure{"bad \\x, \\u or \\U escape", at};
        at = end;
        return base::append_utf8(out, value);
    }
    if (static_cast<unsigned char>(c) >= 0x80)
        return append_escaped_unicode(out, base::next_code_point(body, at));
    out.push_back('\\');
    out.push_back(c);
    ++at;
}

}  // namespace

std::string unescape_literal(std::string_view literal) {
    const std::string_view body = literal.substr(1, literal.size() - 2);
    std::string out;
    out.reserve(body.size());
    for (size_t at = 0; at < body.size();) {
        const size_t slash = std::min(body.find('\\', at), body.size());
        out.append(body.substr(at, slash - at));
        at = slash + 1;
        if (at < body.size()) append_escape(out, body, at);
    }
    return out;
}

}  // namespace airframe::jinja
