// What string methods and filters share. See jinja_strings.h.
#include "airframe/text/jinja_strings.h"

#include <string.h>  // memmem

#include <algorithm>

namespace airframe::jinja {
namespace {

constexpr char32_t kCapitalSigma = 0x3a3;
constexpr std::string_view kCapitalSigmaBytes = "\xce\xa3";
constexpr size_t kShortPattern = 32;  // the plain search backwards is good enough

}  // namespace

int64_t integer_of(const Value& value, std::string_view name) {
    require_defined(value);
    if (!value.is_integer()) raise("{} must be an integer, not {}", name, type_name(value));
    return static_cast<int64_t>(std::clamp<BigInt>(value.as_big(), INT64_MIN / 4, INT64_MAX / 4));
}

int64_t integer_or(const Value& value, int64_t fallback, std::string_view name) {
    return value.missing() || value.is_none() ? fallback : integer_of(value, name);
}

Str string_of(Machine& machine, const Value& value, std::string_view name) {
    require_defined(value);
    if (!value.is_string()) raise("{} must be str, not {}", name, type_name(value));
    return text_of(machine, value);
}

Str text_of(Machine& machine, const Value& value) {
    Str text = to_text(machine.budget(), value);
    machine.budget().step(static_cast<int64_t>(text.size() >> 6));
    return text;
}

size_t find_bytes(std::string_view text, std::string_view pattern, size_t from) {
    if (from > text.size()) return std::string_view::npos;
    if (pattern.empty()) return from;
    if (text.empty()) return std::string_view::npos;  // may have no address, which memmem must not see
    const void* found = memmem(text.data() + from, text.size() - from, pattern.data(), pattern.size());
    return found ? static_cast<size_t>(static_cast<const char*>(found) - text.data())
                 : std::string_view::npos;
}

size_t rfind_bytes(std::string_view text, std::string_view pattern) {
    if (pattern.size() < kShortPattern) return text.rfind(pattern);
    const std::string reversed_text(text.rbegin(), text.rend());
    const std::string reversed_pattern(pattern.rbegin(), pattern.rend());
    const size_t found = find_bytes(reversed_text, reversed_pattern);
    return found == std::string_view::npos ? found : text.size() - found - pattern.size();
}

Str strip(Machine& machine, const Str& text, const Value& chars, bool left, bool right) {
    const std::string_view bytes = text.view();
    size_t begin = 0, end = bytes.size();
    if (chars.missing() || chars.is_none()) {
        if (left) begin = leading_space_bytes(bytes);
        if (right) end -= trailing_space_bytes(bytes.substr(begin));
        return text.slice(machine.budget(), begin, end);
    }
    const std::u32string set = to_utf32(string_of(machine, chars, "strip arg").view());
    const auto in_set = [&](char32_t c) { return set.find(c) != std::u32string::npos; };
    while (left && begin < end) {
        size_t next = begin;
        if (!in_set(base::next_code_point(bytes, next))) break;
        machine.budget().step();
        begin = next;
    }
    while (right && end > begin) {
        size_t last = end - 1;
        while (last > begin && (bytes[last] & 0xc0) == 0x80) --last;
        size_t at = last;
        if (!in_set(base::next_code_point(bytes, at))) break;
        machine.budget().step();
        end = last;
    }
    return text.slice(machine.budget(), begin, end);
}

Str replace(Machine& machine, const Str& text, const Str& from, const Str& to, int64_t count_max) {
    const std::string_view bytes = text.view();
    if (count_max < 0) count_max = INT64_MAX;
    TextBuilder out(machine.budget());
    size_t at = 0;
    for (int64_t count = 0; count < count_max; ++count) {
        // An empty pattern stands before every character and at the end.
        size_t found = at;
        if (from.empty() && count > 0) {
            if (at >= bytes.size()) break;
            base::next_code_point(bytes, found);
        } else if (!from.empty()) {
            found = find_bytes(bytes, from.view(), at);
            if (found == std::string_view::npos) break;
        }
        machine.budget().step();
        out.append(text, at, found);
        out.append(to);
        at = found + from.size();
    }
    if (at == 0 && out.size() == 0) return text;
    out.append(text, at, bytes.size());
    return out.finish();
}

LowerCase::LowerCase(const Str& text) {
    if (text.view().find(kCapitalSigmaBytes) != std::string_view::npos) whole_ = to_utf32(text.view());
}

void LowerCase::append(std::u32string& out, char32_t c, size_t index) const {
    if (c == kCapitalSigma)
        out.push_back(lower_sigma(whole_, index));
    else
        append_lower(out, c);
}

Str to_upper(Machine& machine, const Str& text) {
    return map_characters(machine, text,
                          [](char32_t c, size_t, std::u32string& out) { append_upper(out, c); });
}

Str to_lower(Machine& machine, const Str& text) {
    const LowerCase lower(text);
    return map_characters(
        machine, text, [&](char32_t c, size_t index, std::u32string& out) { lower.append(out, c, index); });
}

Str capitalize(Machine& machine, const Str& text) {
    const Str lower = to_lower(machine, text);
    if (text.empty()) return text;
    TextBuilder out(machine.budget());
    size_t first = 0, first_lower = 0;
    const char32_t c = base::next_code_point(text.view(), first);
    std::u32string mapped;
    append_lower(mapped, c);
    for (size_t i = 0; i < mapped.size(); ++i) base::next_code_point(lower.view(), first_lower);
    mapped.clear();
    append_title(mapped, c);
    const bool untrusted = !text.untrusted().empty() && text.untrusted()[0].begin == 0;
    out.append(to_utf8(mapped), untrusted);
    out.append(lower, first_lower, lower.size());
    return out.finish();
}

Str pad(Machine& machine, const Str& text, int64_t width, char align, const Str& fill) {
    const int64_t missing = width - text.length();
    if (missing <= 0) return text;
    if (fill.length() != 1) raise("The fill character must be exactly one character long");
    // Python puts the odd character of a centred text to the left when the width is odd, too.
    const int64_t left = align == '>' ? missing : align == '^' ? missing / 2 + (missing & width & 1) : 0;
    TextBuilder out(machine.budget());
    out.repeat(fill, left);
    out.append(text);
    out.repeat(fill, missing - left);
    return out.finish();
}

std::vector<Str> split_lines(Machine& machine, const Str& text, bool keep_ends) {
    const std::string_view bytes = text.view();
    std::vector<Str> lines;
    size_t begin = 0;
    for (size_t at = 0; at < bytes.size();) {
        const size_t end = at;
        const char32_t c = base::next_code_point(bytes, at);
        if (!is_line_break(c)) continue;
        if (c == U'\r' && at < bytes.size() && bytes[at] == '\n') ++at;
        lines.push_back(text.slice(machine.budget(), begin, keep_ends ? at : end));
        begin = at;
    }
    if (begin < bytes.size()) lines.push_back(text.slice(machine.budget(), begin, bytes.size()));
    return lines;
}

std::vector<Str> split_space(Machine& machine, const Str& text, int64_t count_max) {
    const std::string_view bytes = text.view();
    std::vector<Str> words;
    size_t at = leading_space_bytes(bytes);
    while (at < bytes.size()) {
        if (count_max >= 0 && static_cast<int64_t>(words.size()) == count_max) {
            words.push_back(
                text.slice(machine.budget(), at, bytes.size() - trailing_space_bytes(bytes.substr(at))));
            break;
        }
        size_t end = at;
        for (size_t next = at; next < bytes.size(); end = next) {
            if (is_space(base::next_code_point(bytes, next))) break;
        }
        words.push_back(text.slice(machine.budget(), at, end));
        at = end + leading_space_bytes(bytes.substr(end));
    }
    return words;
}

std::vector<Str> split_from_right(Machine& machine, const Str& text, const Str& separator,
                                  int64_t count_max) {
    std::vector<Str> parts;
    size_t end = text.size();
    while (count_max < 0 || static_cast<int64_t>(parts.size()) < count_max) {
        machine.budget().step(static_cast<int64_t>(separator.size() < kShortPattern ? 1 : end >> 6));
        const size_t found = rfind_bytes(text.view().substr(0, end), separator.view());
        if (found == std::string_view::npos) break;
        parts.push_back(text.slice(machine.budget(), found + separator.size(), end));
        end = found;
    }
    parts.push_back(text.slice(machine.budget(), 0, end));
    std::reverse(parts.begin(), parts.end());
    return parts;
}

}  // namespace airframe::jinja
