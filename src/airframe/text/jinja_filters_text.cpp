// Filters that take text and give text.
#include <algorithm>

#include "airframe/text/jinja_format.h"
#include "airframe/text/jinja_strings.h"
#include "airframe/text/jinja_wrap.h"

namespace airframe::jinja {
namespace {

Value upper(Machine& m, Params p) { return Value::string(to_upper(m, text_of(m, p[0]))); }
Value lower(Machine& m, Params p) { return Value::string(to_lower(m, text_of(m, p[0]))); }
Value capitalize_filter(Machine& m, Params p) { return Value::string(capitalize(m, text_of(m, p[0]))); }

// Words begin after white space and these; unlike str.title, digits and apostrophes are parts of words.
Value title(Machine& machine, Params p) {
    const Str text = text_of(machine, p[0]);
    const LowerCase lower_case(text);
    bool in_word = false;
    return Value::string(map_characters(machine, text, [&](char32_t c, size_t index, std::u32string& out) {
        const bool separates =
            is_space(c) || std::u32string_view(U"-({[<").find(c) != std::u32string_view::npos;
        if (in_word)
            lower_case.append(out, c, index);
        else
            append_upper(out, c);
        in_word = !separates;
    }));
}

Value trim(Machine& m, Params p) { return Value::string(strip(m, text_of(m, p[0]), p[1], true, true)); }

Value replace_filter(Machine& machine, Params p) {
    return Value::string(replace(machine, text_of(machine, p[0]), text_of(machine, p[1]),
                                 text_of(machine, p[2]), integer_or(p[3], -1, "count")));
}

Value indent(Machine& machine, Params p) {
    require_defined(p[0]);
    if (!p[0].is_string()) raise("unsupported operand type(s) for +=: '{}' and 'str'", type_name(p[0]));
    TextBuilder pad_builder(machine.budget());
    if (p[1].is_string())
        pad_builder.append(p[1].as_str());
    else
        pad_builder.fill(' ', integer_or(p[1], 4, "width"));
    const Str padding = pad_builder.finish();
    const bool first = !p[2].missing() && truthy(p[2]);
    const bool blank = !p[3].missing() && truthy(p[3]);
    TextBuilder text(machine.budget());
    text.append(text_of(machine, p[0]));
    text.append("\n");
    const std::vector<Str> lines = split_lines(machine, text.finish());
    TextBuilder out(machine.budget());
    if (first) out.append(padding);
    for (size_t i = 0; i < lines.size(); ++i) {
        if (i > 0) out.append("\n");
        if (i > 0 && (blank || !lines[i].empty())) out.append(padding);
        out.append(lines[i]);
    }
    return Value::string(out.finish());
}

Value truncate(Machine& machine, Params p) {
    const int64_t length = integer_or(p[1], 255, "length");
    const bool kill_words = !p[2].missing() && truthy(p[2]);
    const Str end = p[3].missing() ? Str::make(machine.budget(), "...") : string_of(machine, p[3], "end");
    const int64_t leeway = integer_or(p[4], 5, "leeway");
    if (length < end.length()) raise("expected length >= {}, got {}", end.length(), length);
    if (leeway < 0) raise("expected leeway >= 0, got {}", leeway);
    const auto size = length_of(p[0]);
    if (!size) raise("object of type '{}' has no len()", type_name(p[0]));
    if (*size <= length + leeway) return p[0];
    const Str text = string_of(machine, p[0], "truncate's value");
    size_t stop = text.offset_of(machine.budget(), length - end.length());
    if (!kill_words) {
        const size_t space = text.view().substr(0, stop).rfind(' ');
        if (space != std::string_view::npos) stop = space;
    }
    TextBuilder out(machine.budget());
    out.append(text, 0, stop);
    out.append(end);
    return Value::string(out.finish());
}

Value wordwrap(Machine& machine, Params p) {
    WrapOptions options;
    options.width = integer_or(p[1], 79, "width");
    options.break_long_words = p[2].missing() || truthy(p[2]);
    options.break_on_hyphens = p[4].missing() || truthy(p[4]);
    const bool own_break = !p[3].missing() && !p[3].is_none();
    const Str line_break =
        own_break ? string_of(machine, p[3], "wrapstring") : Str::make(machine.budget(), "\n");
    TextBuilder out(machine.budget());
    bool first = true;
    for (const Str& line : split_lines(machine, string_of(machine, p[0], "wordwrap's value"))) {
        const std::vector<Str> wrapped = wrap_line(machine, line, options);
        if (!first) out.append(line_break);
        first = false;
        for (size_t i = 0; i < wrapped.size(); ++i) {
            if (i > 0) out.append(line_break);
            out.append(wrapped[i]);
        }
    }
    return Value::string(out.finish());
}

Value wordcount(Machine& machine, Params p) {
    const Str text = text_of(machine, p[0]);
    int64_t words = 0;
    bool in_word = false;
    for (size_t at = 0; at < text.size();) {
        const bool word = is_word(base::next_code_point(text.view(), at));
        words += word && !in_word;
        in_word = word;
    }
    return Value::integer(words);
}

Value center(Machine& machine, Params p) {
    const Str space = Str::make(machine.budget(), " ");
    return Value::string(pad(machine, text_of(machine, p[0]), integer_or(p[1], 80, "width"), '^', space));
}

Value format(Machine& machine, const Args& args) {
    if (args.positional.empty()) raise("format needs a value");
    const auto values = args.positional.subspan(1);
    if (!values.empty() && !args.named.empty()) {
        raise("can't handle positional and keyword arguments at the same time");
    }
    Heap& heap = machine.heap();
    const Value pattern = Value::string(text_of(machine, args.positional[0]));
    if (args.named.empty())
        return format_percent(heap, pattern, Value::tuple(heap.list({values.begin(), values.end()})));
    Dict* dict = heap.make(Dict{});
    for (const NamedArg& arg : args.named) dict->set(machine.budget(), heap.string(arg.name), arg.value);
    return format_percent(heap, pattern, Value::dict(dict));
}

Value string(Machine& machine, Params p) {
    return p[0].is_string() ? p[0] : Value::string(to_text(machine.budget(), p[0]));
}

constexpr Native kFilters[] = {
    {"upper", upper, 1, {"s"}},
    {"lower", lower, 1, {"s"}},
    {"capitalize", capitalize_filter, 1, {"s"}},
    {"title", title, 1, {"s"}},
    {"trim", trim, 1, {"value", "chars"}},
    {"replace", replace_filter, 3, {"s", "old", "new", "count"}},
    {"indent", indent, 1, {"s", "width", "first", "blank"}},
    {"truncate", truncate, 1, {"s", "length", "killwords", "end", "leeway"}},
    {"wordwrap", wordwrap, 1, {"s", "width", "break_long_words", "wrapstring", "break_on_hyphens"}},
    {"wordcount", wordcount, 1, {"s"}},
    {"center", center, 1, {"value", "width"}},
    {"format", nullptr, 1, {}, format},
    {"string", string, 1, {"object"}},
};

}  // namespace

std::span<const Native> text_filters() { return kFilters; }

}  // namespace airframe::jinja
