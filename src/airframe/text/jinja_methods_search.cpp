// Methods of str that search, cut and join.
#include <algorithm>

#include "airframe/text/jinja_strings.h"

namespace airframe::jinja {
namespace {

// The part of a string that optional start and end parameters, counted in characters, leave to a search.
struct Window {
    Str text;
    size_t begin = 0, end = 0;
    bool valid = true;  // start is not behind the end of the string

    Window(Machine& machine, const Value& value, const Value& from, const Value& to)
        : text(text_of(machine, value)) {
        end = text.size();
        const bool whole = (from.missing() || from.is_none()) && (to.missing() || to.is_none());
        if (whole) return;
        const int64_t length = text.length();
        const auto place = [&](int64_t at) { return at < 0 ? std::max<int64_t>(0, at + length) : at; };
        const int64_t first = place(integer_or(from, 0, "start"));
        const int64_t last = std::min(length, place(integer_or(to, length, "end")));
        valid = first <= length && first <= last;
        if (!valid) return;
        begin = text.offset_of(machine.budget(), first);
        end = text.offset_of(machine.budget(), last);
    }
    std::string_view view() const { return text.view().substr(begin, end - begin); }
};

Value list_of(Machine& machine, const std::vector<Str>& parts) {
    std::vector<Value> items;
    items.reserve(parts.size());
    for (const Str& part : parts) items.push_back(Value::string(part));
    return Value::list(machine.heap().list(std::move(items)));
}

int64_t position(Machine& machine, Params p, bool from_right) {
    const Window window(machine, p[0], p[2], p[3]);
    const Str sub = string_of(machine, p[1], "the substring");
    if (!window.valid) return -1;
    const size_t at =
        from_right ? rfind_bytes(window.view(), sub.view()) : find_bytes(window.view(), sub.view());
    if (at == std::string_view::npos) return -1;
    return count_code_points(window.text.view().substr(0, window.begin + at));
}

Value found_or_fail(int64_t at) {
    if (at < 0) raise("substring not found");
    return Value::integer(at);
}

Value find(Machine& m, Params p) { return Value::integer(position(m, p, false)); }
Value rfind(Machine& m, Params p) { return Value::integer(position(m, p, true)); }
Value index(Machine& m, Params p) { return found_or_fail(position(m, p, false)); }
Value rindex(Machine& m, Params p) { return found_or_fail(position(m, p, true)); }

Value count(Machine& machine, Params p) {
    const Window window(machine, p[0], p[2], p[3]);
    const Str sub = string_of(machine, p[1], "the substring");
    if (!window.valid) return Value::integer(0);
    if (sub.empty()) return Value::integer(count_code_points(window.view()) + 1);
    int64_t times = 0;
    for (size_t at = find_bytes(window.view(), sub.view()); at != std::string_view::npos;
         at = find_bytes(window.view(), sub.view(), at + sub.size())) {
        ++times;
    }
    return Value::integer(times);
}

// startswith and endswith take one string or a tuple of them.
Value matches_end(Machine& machine, Params p, bool at_start, std::string_view method) {
    const Window window(machine, p[0], p[2], p[3]);
    const auto matches = [&](const Value& affix) {
        if (!affix.is_string()) {
            require_defined(affix);
            raise("{} first arg must be str or a tuple of str, not {}", method, type_name(affix));
        }
        if (!window.valid) return false;
        return at_start ? window.view().starts_with(affix.view()) : window.view().ends_with(affix.view());
    };
    if (!p[1].is(Kind::kTuple)) return Value::boolean(matches(p[1]));
    return Value::boolean(std::ranges::any_of(p[1].as_list()->items, matches));
}
Value startswith(Machine& m, Params p) { return matches_end(m, p, true, "startswith"); }
Value endswith(Machine& m, Params p) { return matches_end(m, p, false, "endswith"); }

Str separator_of(Machine& machine, const Value& value) {
    const Str separator = string_of(machine, value, "separator");
    if (separator.empty()) raise("empty separator");
    return separator;
}

Value split(Machine& machine, Params p) {
    const Str text = text_of(machine, p[0]);
    const int64_t count_max = integer_or(p[2], -1, "maxsplit");
    if (p[1].missing() || p[1].is_none()) return list_of(machine, split_space(machine, text, count_max));
    const Str separator = separator_of(machine, p[1]);
    std::vector<Str> parts;
    size_t at = 0;
    while (count_max < 0 || static_cast<int64_t>(parts.size()) < count_max) {
        const size_t found = find_bytes(text.view(), separator.view(), at);
        if (found == std::string_view::npos) break;
        parts.push_back(text.slice(machine.budget(), at, found));
        at = found + separator.size();
    }
    parts.push_back(text.slice(machine.budget(), at, text.size()));
    return list_of(machine, parts);
}

// Words from the right: what is left over at the front keeps its inner white space.
std::vector<Str> rsplit_space(Machine& machine, const Str& text, int64_t count_max) {
    const std::string_view bytes = text.view();
    std::vector<Str> words;
    size_t end = bytes.size() - trailing_space_bytes(bytes);
    while (end > 0) {
        if (static_cast<int64_t>(words.size()) == count_max) {
            const size_t begin = leading_space_bytes(bytes.substr(0, end));
            if (begin < end) words.push_back(text.slice(machine.budget(), begin, end));
            break;
        }
        size_t begin = end;
        while (begin > 0 && trailing_space_bytes(bytes.substr(0, begin)) == 0) {
            --begin;
            while (begin > 0 && (bytes[begin] & 0xc0) == 0x80) --begin;
        }
        words.push_back(text.slice(machine.budget(), begin, end));
        end = begin - trailing_space_bytes(bytes.substr(0, begin));
    }
    std::reverse(words.begin(), words.end());
    return words;
}

Value rsplit(Machine& machine, Params p) {
    const Str text = text_of(machine, p[0]);
    const int64_t count_max = integer_or(p[2], -1, "maxsplit");
    if (!p[1].missing() && !p[1].is_none()) {
        return list_of(machine, split_from_right(machine, text, separator_of(machine, p[1]), count_max));
    }
    if (count_max < 0) return list_of(machine, split_space(machine, text, -1));
    return list_of(machine, rsplit_space(machine, text, count_max));
}

Value splitlines(Machine& machine, Params p) {
    return list_of(machine, split_lines(machine, text_of(machine, p[0]), !p[1].missing() && truthy(p[1])));
}

Value cut_in_three(Machine& machine, Params p, bool from_right) {
    const Str text = text_of(machine, p[0]);
    const Str separator = separator_of(machine, p[1]);
    const size_t at =
        from_right ? rfind_bytes(text.view(), separator.view()) : find_bytes(text.view(), separator.view());
    std::vector<Value> parts(3, Value::string({}));
    if (at == std::string_view::npos) {
        parts[from_right ? 2 : 0] = Value::string(text);
    } else {
        parts[0] = Value::string(text.slice(machine.budget(), 0, at));
        parts[1] = Value::string(separator);
        parts[2] = Value::string(text.slice(machine.budget(), at + separator.size(), text.size()));
    }
    return Value::tuple(machine.heap().list(std::move(parts)));
}
Value partition(Machine& m, Params p) { return cut_in_three(m, p, false); }
Value rpartition(Machine& m, Params p) { return cut_in_three(m, p, true); }

Value replace_method(Machine& machine, Params p) {
    const Str text = text_of(machine, p[0]);
    const Str from = string_of(machine, p[1], "replace() argument 1");
    const Str to = string_of(machine, p[2], "replace() argument 2");
    return p[0].with_text(replace(machine, text, from, to, integer_or(p[3], -1, "count")));
}

Value join(Machine& machine, Params p) {
    const Str separator = text_of(machine, p[0]);
    TextBuilder out(machine.budget());
    Items items(machine.heap(), p[1]);
    for (int64_t i = 0; auto item = items.next(); ++i) {
        if (!item->is_string())
            raise("sequence item {}: expected str instance, {} found", i, type_name(*item));
        if (i > 0) out.append(separator);
        out.append(item->as_str());
    }
    return p[0].with_text(out.finish());
}

Value removeprefix(Machine& machine, Params p) {
    const Str text = text_of(machine, p[0]);
    const Str prefix = string_of(machine, p[1], "prefix");
    const bool there = text.view().starts_with(prefix.view());
    return p[0].with_text(there ? text.slice(machine.budget(), prefix.size(), text.size()) : text);
}

Value removesuffix(Machine& machine, Params p) {
    const Str text = text_of(machine, p[0]);
    const Str suffix = string_of(machine, p[1], "suffix");
    const bool there = text.view().ends_with(suffix.view());
    return p[0].with_text(there ? text.slice(machine.budget(), 0, text.size() - suffix.size()) : text);
}

constexpr Native kMethods[] = {
    {"find", find, 2, {"self", "sub", "start", "end"}},
    {"rfind", rfind, 2, {"self", "sub", "start", "end"}},
    {"index", index, 2, {"self", "sub", "start", "end"}},
    {"rindex", rindex, 2, {"self", "sub", "start", "end"}},
    {"count", count, 2, {"self", "sub", "start", "end"}},
    {"startswith", startswith, 2, {"self", "prefix", "start", "end"}},
    {"endswith", endswith, 2, {"self", "suffix", "start", "end"}},
    {"split", split, 1, {"self", "sep", "maxsplit"}},
    {"rsplit", rsplit, 1, {"self", "sep", "maxsplit"}},
    {"splitlines", splitlines, 1, {"self", "keepends"}},
    {"partition", partition, 2, {"self", "sep"}},
    {"rpartition", rpartition, 2, {"self", "sep"}},
    {"replace", replace_method, 3, {"self", "old", "new", "count"}},
    {"join", join, 2, {"self", "iterable"}},
    {"removeprefix", removeprefix, 2, {"self", "prefix"}},
    {"removesuffix", removesuffix, 2, {"self", "suffix"}},
};

}  // namespace

std::span<const Native> str_search_methods() { return kMethods; }

}  // namespace airframe::jinja
