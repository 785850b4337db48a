// One field of a formatted text: numbers and strings laid out by a FieldSpec. See jinja_format.h.
#include "airframe/text/jinja_format.h"

#include <cmath>

#include "airframe/text/jinja_unicode.h"

namespace airframe::jinja {
namespace {

constexpr int64_t kPrecisionMax = 1000;  // beyond, no double has digits to show

void append_fill(TextBuilder& out, std::u32string_view fill, int64_t count) {
    if (count <= 0) return;
    const std::string piece = to_utf8(fill);
    if (piece.size() == 1) return out.fill(piece[0], count);
    for (int64_t i = 0; i < count; ++i) out.append(piece);
}

// Lays out `body` between fill characters; `sign` goes before a fill of kind '='.
void append_number(TextBuilder& out, std::string_view sign, std::string_view body, const FieldSpec& spec) {
    const int64_t missing = spec.width - static_cast<int64_t>(sign.size() + body.size());
    const char align = spec.align ? spec.align : '>';
    const int64_t left = missing <= 0 ? 0 : align == '>' ? missing : align == '^' ? missing / 2 : 0;
    append_fill(out, spec.fill, left);
    out.append(sign);
    if (align == '=') append_fill(out, spec.fill, missing);
    out.append(body);
    if (align == '<' || align == '^') append_fill(out, spec.fill, missing - left);
}

std::string grouped(std::string_view digits, char separator, size_t every) {
    std::string out;
    for (size_t i = 0; i < digits.size(); ++i) {
        if (i != 0 && (digits.size() - i) % every == 0) out.push_back(separator);
        out.push_back(digits[i]);
    }
    return out;
}

std::string digits_of(BigInt value, unsigned base, bool capitals) {
    auto magnitude =
        value < 0 ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value);
    const std::string_view letters = capitals ? "0123456789ABCDEF" : "0123456789abcdef";
    std::string digits;
    do {
        digits.insert(digits.begin(), letters[static_cast<size_t>(magnitude % base)]);
        magnitude /= base;
    } while (magnitude != 0);
    return digits;
}

std::string sign_of(bool negative, char sign) {
    if (negative) return "-";
    return sign == '-' || sign == 0 ? "" : std::string(1, sign);
}

struct IntegerBase {
    char type;
    unsigned base;
    std::string_view prefix;
};
constexpr IntegerBase kIntegerBases[] = {
    {'b', 2, "0b"},
    {'o', 8, "0o"},
    {'x', 16, "0x"},
    {'X', 16, "0X"},
};

std::string printed(double value, char type, int64_t precision, bool alternate) {
    if (precision > kPrecisionMax)
        raise("precision of {} is too large: at most {}", precision, kPrecisionMax);
    const std::string pattern = fmt::format("%{}.{}{}", alternate ? "#" : "", precision, type);
    const int size = std::snprintf(nullptr, 0, pattern.c_str(), value);
    std::string text(static_cast<size_t>(size) + 1, '\0');
    std::snprintf(text.data(), text.size(), pattern.c_str(), value);
    text.pop_back();
    return text;
}

// The digits of |value|, without sign.
std::string float_digits(double value, const FieldSpec& spec) {
    if (std::isnan(value) || std::isinf(value)) {
        const std::string_view name = std::isnan(value) ? "nan" : "inf";
        std::string text(name);
        if (spec.type == 'F' || spec.type == 'E' || spec.type == 'G')
            for (char& c : text) c = static_cast<char>(c - 'a' + 'A');
        return spec.type == '%' ? text + "%" : text;
    }
    if (spec.type == '%')
        return printed(value * 100, 'f', spec.precision < 0 ? 6 : spec.precision, spec.alternate) + "%";
    if (spec.type == 0 && spec.precision < 0) return float_text(value);
    if (spec.type == 0) {
        std::string text = printed(value, 'g', spec.precision == 0 ? 1 : spec.precision, spec.alternate);
        return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
    }
    const char type = spec.type == 'n' ? 'g' : spec.type;
    return printed(value, type, spec.precision < 0 ? 6 : spec.precision, spec.alternate);
}

}  // namespace

void append_integer(TextBuilder& out, BigInt value, const FieldSpec& spec) {
    for (const IntegerBase& row : kIntegerBases) {
        if (row.type != spec.type) continue;
        std::string digits = digits_of(value, row.base, row.type == 'X');
        if (spec.grouping) digits = grouped(digits, spec.grouping, 4);
        const std::string prefix = spec.alternate ? std::string(row.prefix) : "";
        return append_number(out, sign_of(value < 0, spec.sign) + prefix, digits, spec);
    }
    std::string digits = digits_of(value, 10, false);
    if (spec.grouping) digits = grouped(digits, spec.grouping, 3);
    append_number(out, sign_of(value < 0, spec.sign), digits, spec);
}

void append_float(TextBuilder& out, double value, const FieldSpec& spec) {
    std::string digits = float_digits(std::fabs(value), spec);
    if (spec.grouping) {
        const size_t whole = std::min(digits.find_first_not_of("0123456789"), digits.size());
        digits = grouped(std::string_view(digits).substr(0, whole), spec.grouping, 3) + digits.substr(whole);
    }
    append_number(out, sign_of(std::signbit(value) && !std::isnan(value), spec.sign), digits, spec);
}

void append_padded(TextBuilder& out, Budget& budget, const Str& text, const FieldSpec& spec) {
    Str shown = text;
    if (spec.precision >= 0 && spec.precision < text.length())
        shown = text.slice(budget, 0, text.offset_of(budget, spec.precision));
    const int64_t missing = std::max<int64_t>(0, spec.width - shown.length());
    const char align = spec.align ? spec.align : '<';
    const int64_t left = align == '>' ? missing : align == '^' ? missing / 2 : 0;
    append_fill(out, spec.fill, left);
    out.append(shown);
    append_fill(out, spec.fill, missing - left);
}

FieldSpec parse_field_spec(std::u32string_view text) {
    const std::u32string_view whole = text;
    const auto is_align = [](char32_t c) { return c == U'<' || c == U'>' || c == U'^' || c == U'='; };
    const auto take = [&](std::u32string_view set) -> char {
        if (text.empty() || set.find(text[0]) == std::u32string_view::npos) return 0;
        const char c = static_cast<char>(text[0]);
        text.remove_prefix(1);
        return c;
    };
    const auto take_number = [&]() -> int64_t {
        int64_t value = -1;
        for (; !text.empty() && text[0] >= U'0' && text[0] <= U'9'; text.remove_prefix(1)) {
            value = std::min<int64_t>((value < 0 ? 0 : value) * 10 + static_cast<int64_t>(text[0] - U'0'),
                                      INT32_MAX);
        }
        return value;
    };
    FieldSpec spec;
    if (text.size() > 1 && is_align(text[1])) {
        spec.fill = text.substr(0, 1);
        text.remove_prefix(1);
    }
    spec.align = take(U"<>^=");
    if (const char sign = take(U"+- ")) spec.sign = sign;
    take(U"z");
    spec.alternate = take(U"#") != 0;
    if (take(U"0") != 0 && spec.align == 0) {
        spec.fill = U"0";
        spec.align = '=';
    }
    spec.width = std::max<int64_t>(0, take_number());
    spec.grouping = take(U",_");
    if (take(U".") != 0) {
        spec.precision = take_number();
        if (spec.precision < 0) raise("Format specifier missing precision");
    }
    spec.type = take(U"bcdeEfFgGnosxX%");
    if (!text.empty()) raise("Invalid format specifier '{}'", to_utf8(whole));
    return spec;
}

}  // namespace airframe::jinja
