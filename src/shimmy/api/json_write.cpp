#include "shimmy/api/json_write.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <iterator>

#include "base/check.h"
#include "base/utf8.h"

namespace shimmy {

namespace {

// How a byte is written inside a string: 0 as it is, 'u' as \u00XX, else after a backslash.
constexpr std::array<char, 256> kEscape = [] {
    std::array<char, 256> table{};
    for (int c = 0; c < 0x20; ++c) table[c] = 'u';
    table['"'] = '"';
    table['\\'] = '\\';
    table['\n'] = 'n';
    table['\r'] = 'r';
    table['\t'] = 't';
    table['\b'] = 'b';
    table['\f'] = 'f';
    table[0x7f] = 'u';
    return table;
}();

void append_escaped(std::string& out, std::string_view text) {
    size_t from = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        const char how = kEscape[static_cast<unsigned char>(text[i])];
        if (how == 0) continue;
        out.append(text, from, i - from);
        from = i + 1;
        out += '\\';
        out += how;
        if (how == 'u')
            fmt::format_to(std::back_inserter(out), "{:04x}", static_cast<unsigned char>(text[i]));
    }
    out.append(text, from);
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    if (base::is_valid_utf8(text)) {
        append_escaped(out, text);
    } else {
        append_escaped(out, base::to_valid_utf8(text));
    }
    out += '"';
}

JsonWriter& JsonWriter::key(std::string_view name) {
    separate();
    out_ += '"';
    out_ += name;
    out_ += "\":";
    comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::any_key(std::string_view name) {
    separate();
    append_json_string(out_, name);
    out_ += ':';
    comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
    separate();
    append_json_string(out_, text);
    comma_ = true;
    return *this;
}

template <std::floating_point T>
JsonWriter& JsonWriter::number_value(T number) {
    CHECK(std::isfinite(number), "JSON has no {}", number);
    separate();
    fmt::format_to(std::back_inserter(out_), "{}", number);
    comma_ = true;
    return *this;
}
template JsonWriter& JsonWriter::number_value(double number);
template JsonWriter& JsonWriter::number_value(float number);

JsonWriter& JsonWriter::raw(std::string_view json) {
    separate();
    out_ += json;
    comma_ = true;
    return *this;
}

JsonWriter& JsonWriter::open(char bracket) {
    separate();
    out_ += bracket;
    comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
    out_ += bracket;
    comma_ = true;
    return *this;
}

void JsonWriter::separate() {
    if (comma_) out_ += ',';
}

}  // namespace shimmy
