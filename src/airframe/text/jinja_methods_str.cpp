// Methods of str that look at characters or change them; those that search and cut are in
// jinja_methods_search.cpp.
#include <algorithm>

#include "airframe/text/jinja_format.h"
#include "airframe/text/jinja_strings.h"

namespace airframe::jinja {
namespace {

Str self(Machine& machine, Params p) { return text_of(machine, p[0]); }

Value upper(Machine& machine, Params p) { return p[0].with_text(to_upper(machine, self(machine, p))); }
Value lower(Machine& machine, Params p) { return p[0].with_text(to_lower(machine, self(machine, p))); }
Value capitalize_method(Machine& machine, Params p) {
    return p[0].with_text(capitalize(machine, self(machine, p)));
}

Value casefold(Machine& machine, Params p) {
    return p[0].with_text(map_characters(
        machine, self(machine, p), [](char32_t c, size_t, std::u32string& out) { append_folded(out, c); }));
}

Value swapcase(Machine& machine, Params p) {
    const Str text = self(machine, p);
    const LowerCase lower_case(text);
    return p[0].with_text(map_characters(machine, text, [&](char32_t c, size_t index, std::u32string& out) {
        if (is_upper(c))
            lower_case.append(out, c, index);
        else
            append_upper(out, c);
    }));
}

Value title(Machine& machine, Params p) {
    const Str text = self(machine, p);
    const LowerCase lower_case(text);
    bool in_word = false;
    return p[0].with_text(map_characters(machine, text, [&](char32_t c, size_t index, std::u32string& out) {
        if (in_word)
            lower_case.append(out, c, index);
        else
            append_title(out, c);
        in_word = is_cased(c);
    }));
}

// Whether there are characters and all satisfy `holds`.
template <class F>
Value all_characters(Machine& machine, Params p, F&& holds) {
    const Str text = self(machine, p);
    const std::string_view bytes = text.view();
    for (size_t at = 0; at < bytes.size();) {
        if (!holds(base::next_code_point(bytes, at))) return Value::boolean(false);
    }
    return Value::boolean(!bytes.empty());
}

Value isdigit(Machine& m, Params p) { return all_characters(m, p, is_digit); }
Value isdecimal(Machine& m, Params p) { return all_characters(m, p, is_decimal); }
Value isnumeric(Machine& m, Params p) { return all_characters(m, p, is_numeric); }
Value isalpha(Machine& m, Params p) { return all_characters(m, p, is_alphabetic); }
Value isspace(Machine& m, Params p) { return all_characters(m, p, is_space); }
Value isalnum(Machine& m, Params p) {
    return all_characters(m, p, [](char32_t c) { return is_alphabetic(c) || is_numeric(c); });
}
Value isascii(Machine& m, Params p) {
    return Value::boolean(p[0].view().empty() ||
                          all_characters(m, p, [](char32_t c) { return c < 0x80; }).as_bool());
}
Value isprintable(Machine& m, Params p) {
    return Value::boolean(p[0].view().empty() || all_characters(m, p, is_printable).as_bool());
}
Value isidentifier(Machine& m, Params p) {
    bool first = true;
    return all_characters(m, p, [&](char32_t c) {
        return std::exchange(first, false) ? is_identifier_start(c) : is_identifier_part(c);
    });
}

// Whether there are cased characters and none of the other case.
Value all_cased(Machine& machine, Params p, bool (*wanted)(char32_t)) {
    bool any = false;
    const Value fits = all_characters(machine, p, [&](char32_t c) {
        any |= wanted(c);
        return wanted(c) || !is_cased(c);
    });
    return Value::boolean(any && fits.as_bool());
}
Value isupper(Machine& m, Params p) { return all_cased(m, p, is_upper); }
Value islower(Machine& m, Params p) { return all_cased(m, p, is_lower); }

Value istitle(Machine& machine, Params p) {
    bool in_word = false, any = false;
    const Value fits = all_characters(machine, p, [&](char32_t c) {
        const bool capital = is_upper(c) || is_title(c);
        const bool ok = !is_cased(c) || capital != in_word;
        in_word = is_cased(c);
        any |= in_word;
        return ok;
    });
    return Value::boolean(any && fits.as_bool());
}

Value strip_ends(Machine& machine, Params p, bool left, bool right) {
    return p[0].with_text(strip(machine, self(machine, p), p[1], left, right));
}
Value strip_method(Machine& m, Params p) { return strip_ends(m, p, true, true); }
Value lstrip(Machine& m, Params p) { return strip_ends(m, p, true, false); }
Value rstrip(Machine& m, Params p) { return strip_ends(m, p, false, true); }

Value justify(Machine& machine, Params p, char align) {
    const Str fill =
        p[2].missing() ? Str::make(machine.budget(), " ") : string_of(machine, p[2], "fill character");
    return p[0].with_text(pad(machine, self(machine, p), integer_of(p[1], "width"), align, fill));
}
Value ljust(Machine& m, Params p) { return justify(m, p, '<'); }
Value rjust(Machine& m, Params p) { return justify(m, p, '>'); }
Value center(Machine& m, Params p) { return justify(m, p, '^'); }

Value zfill(Machine& machine, Params p) {
    const Str text = self(machine, p);
    const int64_t missing = integer_of(p[1], "width") - text.length();
    const bool sign = !text.empty() && (text.view()[0] == '-' || text.view()[0] == '+');
    TextBuilder out(machine.budget());
    if (sign) out.append(text, 0, 1);
    out.fill('0', missing);
    out.append(text, sign ? 1 : 0, text.size());
    return p[0].with_text(out.finish());
}

Value expandtabs(Machine& machine, Params p) {
    const int64_t size = integer_or(p[1], 8, "tabsize");
    int64_t column = 0;
    TextBuilder out(machine.budget());
    for_each_span(self(machine, p), [&](std::string_view piece, bool untrusted) {
        for (size_t at = 0; at < piece.size();) {
            const size_t begin = at;
            const char32_t c = base::next_code_point(piece, at);
            if (c != U'\t') {
                out.append(piece.substr(begin, at - begin), untrusted);
                column = c == U'\n' || c == U'\r' ? 0 : column + 1;
            } else if (size > 0) {
                out.fill(' ', size - column % size);
                column += size - column % size;
            }
        }
    });
    return p[0].with_text(out.finish());
}

Value format_method(Machine& machine, const Args& args) {
    return format_braces(machine, args.positional[0], {args.positional.subspan(1), args.named});
}

Value format_map(Machine& machine, Params p) {
    if (!p[1].is(Kind::kDict)) raise("format_map() needs a dict, not {}", type_name(p[1]));
    std::vector<NamedArg> named;
    for (const Dict::Entry& entry : p[1].as_dict()->entries) {
        if (entry.key.is_string()) named.push_back({entry.key.view(), entry.value});
    }
    return format_braces(machine, p[0], {{}, named});
}

Value encode(Machine& machine, Params p) {
    if (!p[1].missing()) {
        const std::string name(to_lower(machine, string_of(machine, p[1], "encoding")).view());
        const bool known = name == "utf-8" || name == "utf8" || (name == "ascii" && p[0].as_str().is_ascii());
        if (!known) raise("encode() knows utf-8 and ascii, not '{}'", name);
    }
    return Value::bytes(p[0].as_str());
}

constexpr Native kMethods[] = {
    {"upper", upper, 1, {"self"}},
    {"lower", lower, 1, {"self"}},
    {"capitalize", capitalize_method, 1, {"self"}},
    {"casefold", casefold, 1, {"self"}},
    {"swapcase", swapcase, 1, {"self"}},
    {"title", title, 1, {"self"}},
    {"isdigit", isdigit, 1, {"self"}},
    {"isdecimal", isdecimal, 1, {"self"}},
    {"isnumeric", isnumeric, 1, {"self"}},
    {"isalpha", isalpha, 1, {"self"}},
    {"isspace", isspace, 1, {"self"}},
    {"isalnum", isalnum, 1, {"self"}},
    {"isascii", isascii, 1, {"self"}},
    {"isprintable", isprintable, 1, {"self"}},
    {"isidentifier", isidentifier, 1, {"self"}},
    {"isupper", isupper, 1, {"self"}},
    {"islower", islower, 1, {"self"}},
    {"istitle", istitle, 1, {"self"}},
    {"strip", strip_method, 1, {"self", "chars"}},
    {"lstrip", lstrip, 1, {"self", "chars"}},
    {"rstrip", rstrip, 1, {"self", "chars"}},
    {"ljust", ljust, 2, {"self", "width", "fillchar"}},
    {"rjust", rjust, 2, {"self", "width", "fillchar"}},
    {"center", center, 2, {"self", "width", "fillchar"}},
    {"zfill", zfill, 2, {"self", "width"}},
    {"expandtabs", expandtabs, 1, {"self", "tabsize"}},
    {"format", nullptr, 1, {}, format_method},
    {"format_map", format_map, 2, {"self", "mapping"}},
    {"encode", encode, 1, {"self", "encoding", "errors"}},
};

}  // namespace

std::span<const Native> str_methods() { return kMethods; }

}  // namespace airframe::jinja
