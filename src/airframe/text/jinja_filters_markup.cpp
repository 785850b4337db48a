// Filters that quote: HTML, URLs, JSON; and sizes of files for people.
#include <array>

#include "airframe/text/jinja_json.h"
#include "airframe/text/jinja_strings.h"

namespace airframe::jinja {
namespace {

Value safe(Machine& m, Params p) { return Value::markup(text_of(m, p[0])); }

Value escape(Machine& machine, Params p) {
    return p[0].is_markup() ? p[0] : Value::markup(escape_html(machine.budget(), text_of(machine, p[0])));
}

Value forceescape(Machine& machine, Params p) {
    return Value::markup(escape_html(machine.budget(), text_of(machine, p[0])));
}

// Without what stands between `open` and `close`.
Str without(Machine& machine, const Str& text, std::string_view open, std::string_view close) {
    TextBuilder out(machine.budget());
    size_t at = 0;
    while (true) {
        const size_t begin = find_bytes(text.view(), open, at);
        const size_t end = begin == std::string_view::npos ? begin : find_bytes(text.view(), close, begin);
        if (end == std::string_view::npos) break;
        machine.budget().step();
        out.append(text, at, begin);
        at = end + close.size();
    }
    out.append(text, at, text.size());
    return out.finish();
}

struct Entity {
    std::string_view name, meaning;
};
constexpr Entity kEntities[] = {{"&lt;", "<"},   {"&gt;", ">"},  {"&quot;", "\""},
                                {"&#34;", "\""}, {"&#39;", "'"}, {"&amp;", "&"}};

Value striptags(Machine& machine, Params p) {
    const Str bare = without(machine, without(machine, text_of(machine, p[0]), "<!--", "-->"), "<", ">");
    TextBuilder words(machine.budget());
    bool first = true;
    for (const Str& word : split_space(machine, bare, -1)) {
        if (!first) words.append(" ");
        first = false;
        words.append(word);
    }
    Str text = words.finish();
    for (const Entity& entity : kEntities) {
        text = replace(machine, text, Str::make(machine.budget(), entity.name),
                       Str::make(machine.budget(), entity.meaning), -1);
    }
    return Value::string(text);
}

void append_url_quoted(TextBuilder& out, const Str& text, bool query) {
    for_each_span(text, [&](std::string_view piece, bool untrusted) {
        for (const char c : piece) {
            const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                               std::string_view("_.-~").find(c) != std::string_view::npos ||
                               (c == '/' && !query);
            if (plain)
                out.append(std::string_view(&c, 1), untrusted);
            else if (c == ' ' && query)
                out.append("+", untrusted);
            else
                out.append(fmt::format("%{:02X}", static_cast<unsigned char>(c)), untrusted);
        }
    });
}

Value urlencode(Machine& machine, Params p) {
    TextBuilder out(machine.budget());
    const bool plain = p[0].is_string() || p[0].is_number() || p[0].is_none();
    if (plain) {
        append_url_quoted(out, text_of(machine, p[0]), false);
        return Value::string(out.finish());
    }
    bool first = true;
    const auto add = [&](const Value& key, const Value& value) {
        if (!first) out.append("&");
        first = false;
        append_url_quoted(out, text_of(machine, key), true);
        out.append("=");
        append_url_quoted(out, text_of(machine, value), true);
    };
    if (p[0].is(Kind::kDict)) {
        for (const Dict::Entry& entry : p[0].as_dict()->entries) add(entry.key, entry.value);
        return Value::string(out.finish());
    }
    Items items(machine.heap(), p[0]);
    while (auto item = items.next()) {
        const std::vector<Value> pair = collect(machine.heap(), *item);
        if (pair.size() != 2) raise("urlencode needs pairs, got {} values", pair.size());
        add(pair[0], pair[1]);
    }
    return Value::string(out.finish());
}

Value xmlattr(Machine& machine, Params p) {
    if (!p[0].is(Kind::kDict)) raise("xmlattr needs a dict, not {}", type_name(p[0]));
    const bool leading_space = p[1].missing() || truthy(p[1]);
    TextBuilder out(machine.budget());
    for (const Dict::Entry& entry : p[0].as_dict()->entries) {
        if (entry.value.is_none() || entry.value.is_undefined()) continue;
        const Str key = string_of(machine, entry.key, "attribute name");
        if (key.view().find_first_of(" \t\n\r\f\v/>=") != std::string_view::npos) {
            raise("Invalid character in attribute name: '{}'", key.view());
        }
        if (leading_space || out.size() > 0) out.append(" ");
        out.append(escape_html(machine.budget(), key));
        out.append("=\"");
        out.append(escape_html(machine.budget(), text_of(machine, entry.value)));
        out.append("\"");
    }
    return Value::string(out.finish());
}

Value filesizeformat(Machine& machine, Params p) {
    static constexpr std::string_view kLetters = "kMGTPEZY";
    const bool binary = !p[1].missing() && truthy(p[1]);
    const auto number =
        p[0].is_number() ? std::optional(float_of(p[0])) : parse_float(text_of(machine, p[0]).view());
    if (!number) raise("could not convert string to float: {}", repr(machine.budget(), p[0]).view());
    const double base = binary ? 1024 : 1000;
    if (*number == 1) return machine.heap().string("1 Byte");
    if (*number < base) return machine.heap().string(fmt::format("{:.0f} Bytes", *number));
    double unit = base;
    size_t i = 0;
    while (i + 1 < kLetters.size() && *number >= unit * base) {
        unit *= base;
        ++i;
    }
    const char letter = binary && i == 0 ? 'K' : kLetters[i];
    return machine.heap().string(fmt::format("{:.1f} {}{}B", *number / unit, letter, binary ? "i" : ""));
}

Value tojson(Machine& machine, Params p) {
    JsonStyle style;
    style.ensure_ascii = !p[1].missing() && truthy(p[1]);
    if (p[2].is_string())
        style.indent = p[2].as_str();
    else if (!p[2].missing() && !p[2].is_none()) {
        TextBuilder spaces(machine.budget());
        spaces.fill(' ', integer_of(p[2], "indent"));
        style.indent = spaces.finish();
    }
    if (!p[3].missing() && !p[3].is_none()) {
        const std::vector<Value> pair = collect(machine.heap(), p[3]);
        if (pair.size() != 2) raise("separators must be a pair, got {} values", pair.size());
        style.item_separator = string_of(machine, pair[0], "separator");
        style.key_separator = string_of(machine, pair[1], "separator");
    }
    style.sort_keys = !p[4].missing() && truthy(p[4]);
    return Value::string(to_json(machine.heap(), p[0], style));
}

constexpr Native kFilters[] = {
    {"safe", safe, 1, {"value"}},
    {"escape", escape, 1, {"s"}},
    {"e", escape, 1, {"s"}},
    {"forceescape", forceescape, 1, {"value"}},
    {"striptags", striptags, 1, {"value"}},
    {"urlencode", urlencode, 1, {"value"}},
    {"xmlattr", xmlattr, 1, {"d", "autospace"}},
    {"filesizeformat", filesizeformat, 1, {"value", "binary"}},
    {"tojson", tojson, 1, {"x", "ensure_ascii", "indent", "separators", "sort_keys"}},
};

}  // namespace

std::span<const Native> markup_filters() { return kFilters; }

}  // namespace airframe::jinja
