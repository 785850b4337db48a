// Values as text, the way Python's str() and repr() write them. Provenance of strings inside is kept.
#include <charconv>
#include <cmath>

#include "airframe/text/jinja_machine.h"
#include "airframe/text/jinja_python.h"
#include "airframe/text/jinja_unicode.h"
#include "base/utf8.h"

namespace airframe::jinja {
namespace {

void append_escape(TextBuilder& out, char32_t c, bool untrusted) {
    const auto code = static_cast<uint32_t>(c);
    if (code <= 0xff) return out.append(fmt::format("\\x{:02x}", code), untrusted);
    if (code <= 0xffff) return out.append(fmt::format("\\u{:04x}", code), untrusted);
    out.append(fmt::format("\\U{:08x}", code), untrusted);
}

// What a character becomes inside a repr with this quote.
void append_quoted_char(TextBuilder& out, char32_t c, char quote, bool untrusted) {
    switch (c) {
        case U'\n':
            return out.append("\\n", untrusted);
        case U'\r':
            return out.append("\\r", untrusted);
        case U'\t':
            return out.append("\\t", untrusted);
        case U'\\':
            return out.append("\\\\", untrusted);
        default:
            break;
    }
    if (c == static_cast<char32_t>(quote)) {
        out.append("\\", untrusted);
        return out.append_code_point(c, untrusted);
    }
    if (is_printable(c)) return out.append_code_point(c, untrusted);
    append_escape(out, c, untrusted);
}

bool plain(unsigned char c, char quote) {
    return c >= 0x20 && c < 0x7f && c != '\\' && c != static_cast<unsigned char>(quote);
}

void append_quoted(TextBuilder& out, Budget& budget, const Str& text) {
    const std::string_view all = text.view();
    budget.step(static_cast<int64_t>(all.size() >> 6));
    const bool single = all.find('\'') == std::string_view::npos || all.find('"') != std::string_view::npos;
    const char quote = single ? '\'' : '"';
    out.append(std::string_view(&quote, 1));
    for_each_span(text, [&](std::string_view piece, bool untrusted) {
        for (size_t at = 0; at < piece.size();) {
            size_t stop = at;
            while (stop < piece.size() && plain(static_cast<unsigned char>(piece[stop]), quote)) ++stop;
            out.append(piece.substr(at, stop - at), untrusted);
            at = stop;
            if (at < piece.size())
                append_quoted_char(out, base::next_code_point(piece, at), quote, untrusted);
        }
    });
    out.append(std::string_view(&quote, 1));
}

// Bytes print as b'…': everything beyond ASCII as \xNN.
void append_bytes(TextBuilder& out, const Str& bytes) {
    out.append("b'");
    for_each_span(bytes, [&](std::string_view piece, bool untrusted) {
        for (const char c : piece) {
            const auto byte = static_cast<unsigned char>(c);
            if (byte < 0x80 &&
                (byte == '\n' || byte == '\r' || byte == '\t' || (byte >= 0x20 && byte < 0x7f)))
                append_quoted_char(out, byte, '\'', untrusted);
            else
                append_escape(out, byte, untrusted);
        }
    });
    out.append("'");
}

void append_items(TextBuilder& out, Budget& budget, const List& list, std::string_view open,
                  std::string_view close) {
    out.append(open);
    bool first = true;
    for (const Value& item : list.items) {
        if (!first) out.append(", ");
        first = false;
        append_repr(out, budget, item);
    }
    out.append(close);
}

void append_dict(TextBuilder& out, Budget& budget, const Dict& dict) {
    out.append("{");
    bool first = true;
    for (const Dict::Entry& entry : dict.entries) {
        if (!first) out.append(", ");
        first = false;
        append_repr(out, budget, entry.key);
        out.append(": ");
        append_repr(out, budget, entry.value);
    }
    out.append("}");
}

void append_container(TextBuilder& out, Budget& budget, const Value& value) {
    const Depth depth(budget);
    switch (value.kind()) {
        case Kind::kList:
            return append_items(out, budget, *value.as_list(), "[", "]");
        case Kind::kTuple:
            return append_items(out, budget, *value.as_list(), "(",
                                value.as_list()->items.size() == 1 ? ",)" : ")");
        case Kind::kDict:
            return append_dict(out, budget, *value.as_dict());
        case Kind::kView:
            out.append(value.as_list()->label);
            return append_items(out, budget, *value.as_list(), "([", "])");
        default:
            out.append("<Namespace ");
            append_dict(out, budget, value.as_space()->attributes);
            return out.append(">");
    }
}

std::string range_text(const Range& range) {
    if (range.step == 1) return fmt::format("range({}, {})", range.start, range.stop);
    return fmt::format("range({}, {}, {})", range.start, range.stop, range.step);
}

}  // namespace

std::string integer_text(BigInt value) {
    const bool negative = value < 0;
    auto magnitude =
        negative ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value);
    std::string digits;
    do {
        digits.push_back(static_cast<char>('0' + static_cast<int>(magnitude % 10)));
        magnitude /= 10;
    } while (magnitude != 0);
    if (negative) digits.push_back('-');
    return {digits.rbegin(), digits.rend()};
}

std::string float_text(double value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
    char buffer[40];
    const double size = std::fabs(value);
    if (size != 0 && (size < 1e-4 || size >= 1e16)) {
        const auto end =
            std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
        return {buffer, end};
    }
    char wide[400];
    const auto end = std::to_chars(wide, wide + sizeof wide, value, std::chars_format::fixed).ptr;
    std::string text(wide, end);
    if (text.find('.') == std::string::npos) text += ".0";
    return text;
}

void append_repr(TextBuilder& out, Budget& budget, const Value& value) {
    budget.step();
    switch (value.kind()) {
        case Kind::kMissing:
            return out.append("<missing>");
        case Kind::kUndefined:
            return out.append("Undefined");
        case Kind::kNone:
            return out.append("None");
        case Kind::kBool:
            return out.append(value.as_bool() ? "True" : "False");
        case Kind::kInt:
        case Kind::kBigInt:
            return out.append(integer_text(value.as_big()));
        case Kind::kFloat:
            return out.append(float_text(value.as_float()));
        case Kind::kString:
            if (!value.is_markup()) return append_quoted(out, budget, value.as_str());
            out.append("Markup(");
            append_quoted(out, budget, value.as_str());
            return out.append(")");
        case Kind::kBytes:
            return append_bytes(out, value.as_str());
        case Kind::kList:
        case Kind::kTuple:
        case Kind::kDict:
        case Kind::kView:
        case Kind::kNamespace:
            return append_container(out, budget, value);
        case Kind::kRange:
            return out.append(range_text(*value.as_range()));
        case Kind::kLoop:
            return out.append(loop_text(*value.as_loop()));
        case Kind::kMacro:
            return out.append(fmt::format("<Macro {}>", macro_label(*value.as_macro())));
        default:
            return out.append(fmt::format("<{} object>", type_name(value)));
    }
}

void append_text(TextBuilder& out, Budget& budget, const Value& value) {
    if (value.is_string()) return out.append(value.as_str());
    if (value.is_undefined()) return;
    append_repr(out, budget, value);
}

Str to_text(Budget& budget, const Value& value) {
    if (value.is_string()) return value.as_str();
    TextBuilder out(budget);
    append_text(out, budget, value);
    return out.finish();
}

Str repr(Budget& budget, const Value& value) {
    TextBuilder out(budget);
    append_repr(out, budget, value);
    return out.finish();
}

Str escape_html(Budget& budget, const Str& text) {
    TextBuilder out(budget);
    for_each_span(text, [&](std::string_view piece, bool untrusted) {
        for (size_t at = 0; at < piece.size();) {
            const size_t stop = std::min(piece.find_first_of("&<>\"'", at), piece.size());
            out.append(piece.substr(at, stop - at), untrusted);
            if (stop == piece.size()) break;
            const char c = piece[stop];
            out.append(c == '&'   ? "&amp;"
                       : c == '<' ? "&lt;"
                       : c == '>' ? "&gt;"
                       : c == '"' ? "&#34;"
                                  : "&#39;",
                       untrusted);
            at = stop + 1;
        }
    });
    return out.finish();
}

}  // namespace airframe::jinja
