// Functions that every template can call by name.
#include <algorithm>
#include <ctime>

#include "airframe/text/jinja_strings.h"

namespace airframe::jinja {
namespace {

constexpr int64_t kRangeMax = 100'000;  // as Jinja's sandbox

int64_t range_bound(const Value& value) {
    require_defined(value);
    if (!value.is_integer()) raise("'{}' object cannot be interpreted as an integer", type_name(value));
    return static_cast<int64_t>(std::clamp<BigInt>(value.as_big(), INT64_MIN / 4, INT64_MAX / 4));
}

Value range(Machine& machine, Params p) {
    const bool one = p[1].missing();
    const int64_t start = one ? 0 : range_bound(p[0]);
    const int64_t stop = range_bound(one ? p[0] : p[1]);
    const int64_t step = p[2].missing() ? 1 : range_bound(p[2]);
    if (step == 0) raise("range() arg 3 must not be zero");
    const int64_t span = step > 0 ? stop - start : start - stop;
    const int64_t size = step > 0 ? step : -step;
    const int64_t count = span <= 0 ? 0 : (span - 1) / size + 1;
    if (count > kRangeMax) {
        raise("Range too big. The sandbox blocks ranges larger than MAX_RANGE ({}).", kRangeMax);
    }
    return Value::range(machine.heap().make(Range{start, stop, step, count}));
}

void fill_dict(Machine& machine, Dict& dict, const Args& args, std::string_view name) {
    if (args.positional.size() > 1)
        raise("{} expected at most 1 argument, got {}", name, args.positional.size());
    Budget& budget = machine.budget();
    if (!args.positional.empty() && args.positional[0].is(Kind::kDict)) {
        for (const Dict::Entry& entry : args.positional[0].as_dict()->entries)
            dict.set(budget, entry.key, entry.value);
    } else if (!args.positional.empty()) {
        Items items(machine.heap(), args.positional[0]);
        while (auto item = items.next()) {
            const std::vector<Value> pair = collect(machine.heap(), *item);
            if (pair.size() != 2)
                raise("dictionary update sequence element has length {}; 2 is required", pair.size());
            dict.set(budget, pair[0], pair[1]);
        }
    }
    for (const NamedArg& arg : args.named) dict.set(budget, machine.heap().string(arg.name), arg.value);
}

Value dict(Machine& machine, const Args& args) {
    Dict* dict = machine.heap().make(Dict{});
    fill_dict(machine, *dict, args, "dict");
    return Value::dict(dict);
}

Value make_namespace(Machine& machine, const Args& args) {
    Namespace* space = machine.heap().make(Namespace{});
    fill_dict(machine, space->attributes, args, "namespace");
    return Value::space(space);
}

Value cycler(Machine& machine, const Args& args) {
    if (args.positional.empty()) raise("at least one item has to be provided");
    return Value::cycler(machine.heap().make(Cycler{{args.positional.begin(), args.positional.end()}}));
}

Value joiner(Machine& machine, Params p) {
    const Str separator = p[0].missing() ? Str::make(machine.budget(), ", ") : text_of(machine, p[0]);
    return Value::joiner(machine.heap().make(Joiner{separator}));
}

Value lipsum(Machine&, const Args&) { raise("lipsum() makes random text, which has no place in a prompt"); }

Value raise_exception(Machine& machine, Params p) {
    throw Failure{Failure::Kind::kRaised, std::string(to_text(machine.budget(), p[0]).view())};
}

// %f, %z and %Z are Python's: microseconds, and a zone that the clock does not have.
std::string python_pattern(std::string_view pattern) {
    std::string out;
    for (size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] != '%' || i + 1 == pattern.size()) {
            out.push_back(pattern[i]);
            continue;
        }
        const char letter = pattern[++i];
        if (letter == 'f')
            out += "000000";
        else if (letter != 'z' && letter != 'Z')
            out += {'%', letter};
    }
    return out;
}

Value strftime_now(Machine& machine, Params p) {
    constexpr size_t kTimeTextMax = 4096;
    const std::string pattern = python_pattern(string_of(machine, p[0], "the time format").view());
    if (pattern.size() > kTimeTextMax / 8) raise("a time format of {} bytes is too long", pattern.size());
    const time_t seconds = machine.options().now_unix_seconds;
    tm parts{};
    if (!gmtime_r(&seconds, &parts)) raise("the clock shows no time: {}", seconds);
    char text[kTimeTextMax];
    const size_t size = std::strftime(text, sizeof text, pattern.c_str(), &parts);
    return machine.heap().string({text, size});
}

constexpr Native kGlobals[] = {
    {"range", range, 1, {"start", "stop", "step"}},
    {"dict", nullptr, 0, {}, dict},
    {"namespace", nullptr, 0, {}, make_namespace},
    {"cycler", nullptr, 0, {}, cycler},
    {"joiner", joiner, 0, {"sep"}},
    {"lipsum", nullptr, 0, {}, lipsum},
    {"raise_exception", raise_exception, 1, {"message"}},
    {"strftime_now", strftime_now, 1, {"format"}},
};

}  // namespace

const Native* find_global(std::string_view name) {
    const auto* row = std::ranges::find(kGlobals, name, &Native::name);
    return row == std::end(kGlobals) ? nullptr : row;
}

}  // namespace airframe::jinja
