// Filters that take out, choose or convert items: by attribute, by test, by filter. And what those over
// sequences share.
#include <algorithm>
#include <memory>

#include "airframe/text/jinja_filters.h"
#include "airframe/text/jinja_strings.h"

namespace airframe::jinja {

Getter::Getter(Machine& machine, const Value& attribute, bool fold_case, char separator, Value fallback)
    : machine_(machine), fold_case_(fold_case), fallback_(std::move(fallback)) {
    if (attribute.is_none()) return;
    if (!attribute.is_string()) {
        paths_ = {{attribute}};
        return;
    }
    paths_.clear();
    std::string_view rest = attribute.view();
    while (true) {
        const size_t end = separator ? std::min(rest.find(separator), rest.size()) : rest.size();
        Path path;
        std::string_view parts = rest.substr(0, end);
        while (true) {
            const size_t dot = std::min(parts.find('.'), parts.size());
            const std::string_view part = parts.substr(0, dot);
            const bool number =
                !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
            const auto value = number ? parse_integer(part, 10) : std::nullopt;
            path.push_back(value ? machine.heap().integer(*value) : machine.heap().string(part));
            if (dot == parts.size()) break;
            parts.remove_prefix(dot + 1);
        }
        paths_.push_back(std::move(path));
        if (end == rest.size()) break;
        rest.remove_prefix(end + 1);
    }
}

Value Getter::follow(const Path& path, Value item) const {
    for (const Value& part : path) {
        item = machine_.item(item, part);
        if (item.is_undefined() && !fallback_.missing()) item = fallback_;
    }
    if (fold_case_ && item.is_string()) return Value::string(to_lower(machine_, item.as_str()));
    return item;
}

Value Getter::get(const Value& item) const {
    if (paths_.size() == 1) return follow(paths_[0], item);
    std::vector<Value> keys;
    for (const Path& path : paths_) keys.push_back(follow(path, item));
    return Value::list(machine_.heap().list(std::move(keys)));
}

std::vector<Value> sorted(Machine& machine, std::vector<Value> items, const Getter& getter, bool reverse) {
    struct Keyed {
        Value key, item;
    };
    std::vector<Keyed> rows;
    rows.reserve(items.size());
    for (Value& item : items) rows.push_back({getter.get(item), std::move(item)});
    const Order order = reverse ? Order::kGreater : Order::kLess;
    std::ranges::stable_sort(
        rows, [&](const Keyed& a, const Keyed& b) { return ordered(machine.budget(), order, a.key, b.key); });
    for (size_t i = 0; i < rows.size(); ++i) items[i] = std::move(rows[i].item);
    return items;
}

namespace {

const Native& filter_named(Machine& machine, const Value& name) {
    const Native* filter = name.is_string() ? find_filter(name.view()) : nullptr;
    if (!filter) raise("No filter named {}.", repr(machine.budget(), name).view());
    return *filter;
}

const Native& test_named(Machine& machine, const Value& name) {
    const Native* test = name.is_string() ? find_test(name.view()) : nullptr;
    if (!test) raise("No test named {}.", repr(machine.budget(), name).view());
    return *test;
}

Value call_with(Machine& machine, const Native& native, const Value& item, std::span<const Value> more,
                std::span<const NamedArg> named) {
    std::vector<Value> positional{item};
    positional.insert(positional.end(), more.begin(), more.end());
    return machine.apply(native, {positional, named});
}

// The arguments of a call, kept for an iterator that outlives it.
struct KeptArgs {
    std::vector<Value> positional;
    std::vector<NamedArg> named;
    std::vector<Str> names;
    explicit KeptArgs(Machine& machine, const Args& args)
        : positional(args.positional.begin(), args.positional.end()) {
        for (const NamedArg& arg : args.named) {
            names.push_back(Str::make(machine.budget(), arg.name));
            named.push_back({names.back().view(), arg.value});
        }
    }
};

std::vector<Value> map_attribute(Machine& machine, const KeptArgs& args) {
    Value attribute, fallback;
    for (const NamedArg& arg : args.named) {
        if (arg.name == "attribute")
            attribute = arg.value;
        else if (arg.name == "default")
            fallback = arg.value.is_none() ? Value() : arg.value;
        else
            raise("Unexpected keyword argument '{}'", arg.name);
    }
    if (attribute.missing()) raise("map requires a filter argument");
    const Getter getter(machine, attribute, false, 0, fallback);
    std::vector<Value> out;
    Items items(machine.heap(), args.positional[0]);
    while (auto item = items.next()) out.push_back(getter.get(*item));
    return out;
}

std::vector<Value> mapped(Machine& machine, const KeptArgs& args) {
    if (!truthy(args.positional[0])) return {};
    if (args.positional.size() == 1) return map_attribute(machine, args);
    const Native& filter = filter_named(machine, args.positional[1]);
    const auto more = std::span(args.positional).subspan(2);
    std::vector<Value> out;
    Items items(machine.heap(), args.positional[0]);
    while (auto item = items.next()) out.push_back(call_with(machine, filter, *item, more, args.named));
    return out;
}

// select, reject (by the item itself) and selectattr, rejectattr (by an attribute of it).
std::vector<Value> chosen(Machine& machine, const KeptArgs& args, bool by_attribute, bool wanted) {
    if (!truthy(args.positional[0])) return {};
    auto rest = std::span(args.positional).subspan(1);
    if (by_attribute && rest.empty()) raise("Missing parameter for attribute name");
    const Getter getter = by_attribute ? Getter(machine, rest[0]) : Getter(machine);
    if (by_attribute) rest = rest.subspan(1);
    const Native* test = rest.empty() ? nullptr : &test_named(machine, rest[0]);
    if (test) rest = rest.subspan(1);
    std::vector<Value> out;
    Items items(machine.heap(), args.positional[0]);
    while (auto item = items.next()) {
        const Value key = getter.get(*item);
        const bool holds = truthy(test ? call_with(machine, *test, key, rest, args.named) : key);
        if (holds == wanted) out.push_back(std::move(*item));
    }
    return out;
}

// An iterator over what `make(machine, args)` gives.
template <class F>
Value later(Machine& machine, const Args& args, F&& make) {
    if (args.positional.empty()) raise("there is nothing to walk");
    auto kept = std::make_shared<KeptArgs>(machine, args);
    return machine.heap().iterator([&machine, kept, make] { return make(machine, *kept); });
}

Value map(Machine& m, const Args& args) { return later(m, args, mapped); }

template <bool by_attribute, bool wanted>
Value choose(Machine& machine, const Args& args) {
    return later(machine, args,
                 [](Machine& m, const KeptArgs& kept) { return chosen(m, kept, by_attribute, wanted); });
}

Value items(Machine& machine, Params p) {
    return machine.heap().iterator([&machine, value = p[0]]() -> std::vector<Value> {
        if (value.is_undefined()) return {};
        if (!value.is(Kind::kDict)) raise("Can only get item pairs from a mapping.");
        std::vector<Value> pairs;
        for (const Dict::Entry& entry : value.as_dict()->entries) {
            pairs.push_back(machine.heap().pair(entry.key, entry.value));
        }
        return pairs;
    });
}

Value attr(Machine& machine, Params p) {
    const Str name = string_of(machine, p[1], "attribute name");
    if (Value found = machine.member(p[0], name.view()); !found.missing()) return found;
    return machine.undefined({.owner = object_name(p[0]), .key = Value::string(name)});
}

Value default_value(Machine& machine, Params p) {
    const bool by_truth = !p[2].missing() && truthy(p[2]);
    if (!p[0].is_undefined() && !(by_truth && !truthy(p[0]))) return p[0];
    return p[1].missing() ? machine.heap().string("") : p[1];
}

constexpr Native kFilters[] = {
    {"map", nullptr, 1, {}, map},
    {"select", nullptr, 1, {}, choose<false, true>},
    {"reject", nullptr, 1, {}, choose<false, false>},
    {"selectattr", nullptr, 1, {}, choose<true, true>},
    {"rejectattr", nullptr, 1, {}, choose<true, false>},
    {"items", items, 1, {"value"}},
    {"attr", attr, 2, {"obj", "name"}},
    {"default", default_value, 1, {"value", "default_value", "boolean"}},
    {"d", default_value, 1, {"value", "default_value", "boolean"}},
};

}  // namespace

std::span<const Native> selection_filters() { return kFilters; }

}  // namespace airframe::jinja
