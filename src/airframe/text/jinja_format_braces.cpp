// "{} {name.attribute[0]!r:>10}".format(…): Python's replacement fields.
#include <algorithm>

#include "airframe/text/jinja_format.h"
#include "airframe/text/jinja_strings.h"

namespace airframe::jinja {
namespace {

class BraceFormatter {
  public:
    BraceFormatter(Machine& machine, const Args& args) : machine_(machine), args_(args) {}

    Str format(const Str& pattern, int nested_max) {
        if (nested_max < 0) raise("Max string recursion exceeded");
        const std::string_view text = pattern.view();
        TextBuilder out(machine_.budget());
        for (size_t at = 0; at < text.size();) {
            const size_t stop = std::min(text.find_first_of("{}", at), text.size());
            out.append(pattern, at, stop);
            if (stop == text.size()) break;
            if (stop + 1 < text.size() && text[stop + 1] == text[stop]) {
                out.append(pattern, stop, stop + 1);
                at = stop + 2;
                continue;
            }
            if (text[stop] == '}') raise("Single '}}' encountered in format string");
            const size_t end = field_end(text, stop + 1);
            field(out, pattern, stop + 1, end, nested_max);
            at = end + 1;
        }
        return out.finish();
    }

  private:
    static size_t field_end(std::string_view text, size_t at) {
        int open = 1;
        for (; at < text.size(); ++at) {
            if (text[at] == '{') ++open;
            if (text[at] == '}' && --open == 0) return at;
        }
        raise("expected '}}' before end of string");
    }

    // One field: pattern[begin, end) without its braces.
    void field(TextBuilder& out, const Str& pattern, size_t begin, size_t end, int nested_max) {
        const std::string_view text = pattern.view();
        size_t name_end = begin;
        for (int brackets = 0; name_end < end; ++name_end) {
            const char c = text[name_end];
            if (c == '[') ++brackets;
            if (c == ']') --brackets;
            if (brackets <= 0 && (c == '!' || c == ':')) break;
        }
        Value value = look_up(text.substr(begin, name_end - begin));
        size_t at = name_end;
        if (at < end && text[at] == '!') {
            value = convert(value, at + 1 < end ? text[at + 1] : '\0');
            at += 2;
            if (at < end && text[at] != ':') raise("expected ':' after conversion specifier");
        }
        Str spec;
        if (at < end) spec = format(pattern.slice(machine_.budget(), at + 1, end), nested_max - 1);
        write(out, value, spec);
    }

    Value convert(const Value& value, char conversion) {
        if (conversion == 's') return Value::string(to_text(machine_.budget(), value));
        if (conversion == 'r' || conversion == 'a') return Value::string(repr(machine_.budget(), value));
        raise("Unknown conversion specifier '{}'", std::string_view(&conversion, 1));
    }

    Value positional(size_t at) const {
        if (at >= args_.positional.size())
            raise("Replacement index {} out of range for positional args tuple", at);
        return args_.positional[at];
    }

    static bool is_number(std::string_view text) {
        return !text.empty() && text.size() < 10 &&
               text.find_first_not_of("0123456789") == std::string_view::npos;
    }

    Value first_part(std::string_view name) {
        if (name.empty()) return positional(automatic_++);
        if (is_number(name)) return positional(static_cast<size_t>(*parse_integer(name, 10)));
        const auto found = std::ranges::find(args_.named, name, &NamedArg::name);
        if (found == args_.named.end()) raise("KeyError: '{}'", name);
        return found->value;
    }

    Value look_up(std::string_view path) {
        const size_t first_end = std::min(path.find_first_of(".["), path.size());
        Value value = first_part(path.substr(0, first_end));
        path.remove_prefix(first_end);
        while (!path.empty()) {
            machine_.budget().step();
            const bool bracket = path[0] == '[';
            if (!bracket && path[0] != '.') raise("Only '.' or '[' may follow ']' in format field specifier");
            const size_t end = bracket ? path.find(']') : std::min(path.find_first_of(".[", 1), path.size());
            if (end == std::string_view::npos) raise("Missing ']' in format string");
            const std::string_view part = path.substr(1, end - 1);
            if (part.empty()) raise("Empty attribute in format string");
            if (bracket && is_number(part))
                value = machine_.item(value, Value::integer(static_cast<int64_t>(*parse_integer(part, 10))));
            else
                value = machine_.item(value, machine_.heap().string(part));
            path.remove_prefix(bracket ? end + 1 : end);
        }
        return value;
    }

    void write(TextBuilder& out, const Value& value, const Str& spec_text) {
        if (spec_text.empty()) return append_text(out, machine_.budget(), value);
        const std::u32string spec_chars = to_utf32(spec_text.view());
        FieldSpec spec = parse_field_spec(spec_chars);
        const bool float_type =
            spec.type != 0 && std::string_view("eEfFgGn%").find(spec.type) != std::string_view::npos;
        const bool integer_type =
            spec.type != 0 && std::string_view("bcdoxX").find(spec.type) != std::string_view::npos;
        if ((value.is(Kind::kFloat) && integer_type) || (value.is_number() && spec.type == 's')) {
            raise("Unknown format code '{}' for object of type '{}'", std::string_view(&spec.type, 1),
                  type_name(value));
        }
        if (value.is_integer() && !float_type && spec.precision >= 0) {
            raise("Precision not allowed in integer format specifier");
        }
        if (value.is(Kind::kFloat) || (value.is_integer() && float_type && spec.type != 'n')) {
            return append_float(out, float_of(value), spec);
        }
        if (value.is_integer() && spec.type == 'c') {
            if (value.as_big() < 0 || value.as_big() > 0x10ffff) raise("%c arg not in range(0x110000)");
            const Str one = Str::make(machine_.budget(),
                                      to_utf8(std::u32string(1, static_cast<char32_t>(value.as_int()))));
            return append_padded(out, machine_.budget(), one, spec);
        }
        if (value.is_integer()) return append_integer(out, value.as_big(), spec);
        if (!value.is_string()) raise("unsupported format string passed to {}.__format__", type_name(value));
        if (spec.type != 0 && spec.type != 's') {
            raise("Unknown format code '{}' for object of type 'str'", std::string_view(&spec.type, 1));
        }
        if (spec.sign) raise("Sign not allowed in string format specifier");
        if (spec.grouping) raise("Cannot specify '{}' with 's'.", std::string_view(&spec.grouping, 1));
        if (spec.align == '=') raise("'=' alignment not allowed in string format specifier");
        append_padded(out, machine_.budget(), value.as_str(), spec);
    }

    Machine& machine_;
    const Args& args_;
    size_t automatic_ = 0;
};

}  // namespace

Value format_braces(Machine& machine, const Value& pattern, const Args& args) {
    return Value::string(BraceFormatter(machine, args).format(text_of(machine, pattern), 1));
}

}  // namespace airframe::jinja
