// Methods of lists, dicts, numbers and the rest, and the table of what an attribute name means for each kind
// of object. Methods that change lists or dicts exist, but the sandbox withholds them unless RenderOptions
// allows them.
#include <algorithm>
#include <bit>
#include <cmath>

#include "airframe/text/jinja_strings.h"

namespace airframe::jinja {
namespace {

List& list_of(Params p) { return *p[0].as_list(); }
Dict& dict_of(Params p) { return *p[0].as_dict(); }

Value list_index(Machine& machine, Params p) {
    const auto& items = list_of(p).items;
    for (size_t i = 0; i < items.size(); ++i) {
        if (equal(machine.budget(), items[i], p[1])) return Value::integer(static_cast<int64_t>(i));
    }
    raise("{} is not in list", repr(machine.budget(), p[1]).view());
}

Value list_count(Machine& machine, Params p) {
    return Value::integer(std::ranges::count_if(
        list_of(p).items, [&](const Value& item) { return equal(machine.budget(), item, p[1]); }));
}

Value list_copy(Machine& machine, Params p) { return Value::list(machine.heap().list(list_of(p).items)); }

Value list_pop(Machine& machine, Params p) {
    auto& items = list_of(p).items;
    if (items.empty()) raise("pop from empty list");
    const auto size = static_cast<int64_t>(items.size());
    int64_t at = integer_or(p[1], -1, "index");
    if (at < 0) at += size;
    if (at < 0 || at >= size) raise("pop index out of range");
    machine.budget().step((size - at) / 16);
    Value out = std::move(items[static_cast<size_t>(at)]);
    items.erase(items.begin() + at);
    return out;
}

Value list_clear(Machine&, Params p) {
    list_of(p).items.clear();
    return Value::none();
}

Value list_append(Machine& machine, Params p) {
    machine.budget().take(sizeof(Value));
    list_of(p).items.push_back(p[1]);
    return Value::none();
}

Value list_extend(Machine& machine, Params p) {
    std::vector<Value> more = collect(machine.heap(), p[1]);
    machine.budget().take(more.size() * sizeof(Value));
    auto& items = list_of(p).items;
    items.insert(items.end(), more.begin(), more.end());
    return Value::none();
}

Value list_insert(Machine& machine, Params p) {
    auto& items = list_of(p).items;
    const auto size = static_cast<int64_t>(items.size());
    int64_t at = integer_of(p[1], "index");
    if (at < 0) at += size;
    machine.budget().take(sizeof(Value));
    machine.budget().step(size / 16);
    items.insert(items.begin() + std::clamp<int64_t>(at, 0, size), p[2]);
    return Value::none();
}

Value list_reverse(Machine& machine, Params p) {
    machine.budget().step(static_cast<int64_t>(list_of(p).items.size() / 16));
    std::ranges::reverse(list_of(p).items);
    return Value::none();
}

Value list_remove(Machine& machine, Params p) {
    auto& items = list_of(p).items;
    items.erase(items.begin() + list_index(machine, p).as_int());
    return Value::none();
}

Value dict_get(Machine& machine, Params p) {
    if (const Value* found = dict_of(p).find(machine.budget(), p[1])) return *found;
    return p[2].missing() ? Value::none() : p[2];
}

Value dict_items(Machine& machine, Params p) {
    std::vector<Value> items;
    for (const Dict::Entry& entry : dict_of(p).entries)
        items.push_back(machine.heap().pair(entry.key, entry.value));
    return Value::view(machine.heap().list(std::move(items), "dict_items"));
}

Value dict_keys(Machine& machine, Params p) {
    std::vector<Value> items;
    for (const Dict::Entry& entry : dict_of(p).entries) items.push_back(entry.key);
    return Value::view(machine.heap().list(std::move(items), "dict_keys"));
}

Value dict_values(Machine& machine, Params p) {
    std::vector<Value> items;
    for (const Dict::Entry& entry : dict_of(p).entries) items.push_back(entry.value);
    return Value::view(machine.heap().list(std::move(items), "dict_values"));
}

Value dict_copy(Machine& machine, Params p) {
    machine.budget().take(dict_of(p).entries.size() * sizeof(Dict::Entry));
    return Value::dict(machine.heap().make(Dict(dict_of(p))));
}

Value dict_pop(Machine& machine, Params p) {
    Dict& dict = dict_of(p);
    for (size_t i = 0; i < dict.entries.size(); ++i) {
        if (!equal(machine.budget(), dict.entries[i].key, p[1])) continue;
        Value out = dict.entries[i].value;
        dict.erase(machine.budget(), i);
        return out;
    }
    if (p[2].missing()) raise("KeyError: {}", repr(machine.budget(), p[1]).view());
    return p[2];
}

Value dict_setdefault(Machine& machine, Params p) {
    if (const Value* found = dict_of(p).find(machine.budget(), p[1])) return *found;
    Value value = p[2].missing() ? Value::none() : p[2];
    dict_of(p).set(machine.budget(), p[1], value);
    return value;
}

Value dict_update(Machine& machine, const Args& args) {
    Dict& dict = *args.positional[0].as_dict();
    if (args.positional.size() > 1) {
        if (!args.positional[1].is(Kind::kDict)) raise("update() needs a dict");
        const auto entries = args.positional[1].as_dict()->entries;
        for (const Dict::Entry& entry : entries) dict.set(machine.budget(), entry.key, entry.value);
    }
    for (const NamedArg& arg : args.named)
        dict.set(machine.budget(), machine.heap().string(arg.name), arg.value);
    return Value::none();
}

Value int_bit_length(Machine&, Params p) {
    const BigInt value = p[0].as_big();
    auto magnitude =
        value < 0 ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value);
    int64_t bits = 0;
    for (; magnitude != 0; magnitude >>= 1) ++bits;
    return Value::integer(bits);
}

Value float_is_integer(Machine&, Params p) {
    return Value::boolean(std::isfinite(p[0].as_float()) && p[0].as_float() == std::floor(p[0].as_float()));
}

Value bytes_decode(Machine&, Params p) { return Value::string(p[0].as_str()); }

Value cycler_next(Machine&, Params p) {
    Cycler& cycler = *p[0].as_cycler();
    return cycler.items[std::exchange(cycler.at, (cycler.at + 1) % cycler.items.size())];
}

Value cycler_reset(Machine&, Params p) {
    p[0].as_cycler()->at = 0;
    return Value::none();
}

Value loop_cycle(Machine&, const Args& args) {
    if (args.positional.size() < 2) raise("no items for cycling given");
    const auto index = static_cast<size_t>(args.positional[0].as_loop()->index0);
    return args.positional[1 + index % (args.positional.size() - 1)];
}

Value loop_changed(Machine& machine, const Args& args) {
    auto& last = args.positional[0].as_loop()->last_changed;
    const std::vector<Value> now(args.positional.begin() + 1, args.positional.end());
    const bool same = last && std::ranges::equal(*last, now, [&](const Value& a, const Value& b) {
                          return equal(machine.budget(), a, b);
                      });
    if (!same) last = now;
    return Value::boolean(!same);
}

constexpr Native kListMethods[] = {
    {"index", list_index, 2, {"self", "value"}},
    {"count", list_count, 2, {"self", "value"}},
    {"copy", list_copy, 1, {"self"}},
    {"pop", list_pop, 1, {"self", "index"}},
    {"clear", list_clear, 1, {"self"}},
    {"append", list_append, 2, {"self", "object"}},
    {"extend", list_extend, 2, {"self", "items"}},
    {"insert", list_insert, 3, {"self", "index", "object"}},
    {"reverse", list_reverse, 1, {"self"}},
    {"remove", list_remove, 2, {"self", "value"}},
};
constexpr Native kTupleMethods[] = {
    {"index", list_index, 2, {"self", "value"}},
    {"count", list_count, 2, {"self", "value"}},
};
constexpr Native kDictMethods[] = {
    {"get", dict_get, 2, {"self", "key", "default"}},
    {"items", dict_items, 1, {"self"}},
    {"keys", dict_keys, 1, {"self"}},
    {"values", dict_values, 1, {"self"}},
    {"copy", dict_copy, 1, {"self"}},
    {"pop", dict_pop, 2, {"self", "key", "default"}},
    {"setdefault", dict_setdefault, 2, {"self", "key", "default"}},
    {"update", nullptr, 1, {}, dict_update},
};
constexpr Native kIntMethods[] = {{"bit_length", int_bit_length, 1, {"self"}}};
constexpr Native kFloatMethods[] = {{"is_integer", float_is_integer, 1, {"self"}}};
constexpr Native kBytesMethods[] = {{"decode", bytes_decode, 1, {"self", "encoding", "errors"}}};
constexpr Native kCyclerMethods[] = {{"next", cycler_next, 1, {"self"}},
                                     {"reset", cycler_reset, 1, {"self"}}};
constexpr Native kLoopMethods[] = {{"cycle", nullptr, 1, {}, loop_cycle},
                                   {"changed", nullptr, 1, {}, loop_changed}};

struct LoopFieldRow {
    std::string_view name;
    LoopField field;
};
constexpr LoopFieldRow kLoopFields[] = {
    {"index", LoopField::kIndex},       {"index0", LoopField::kIndex0},
    {"revindex", LoopField::kRevindex}, {"revindex0", LoopField::kRevindex0},
    {"first", LoopField::kFirst},       {"last", LoopField::kLast},
    {"length", LoopField::kLength},     {"depth", LoopField::kDepth},
    {"depth0", LoopField::kDepth0},     {"previtem", LoopField::kPrevitem},
    {"nextitem", LoopField::kNextitem},
};

// As Jinja 3.1's immutable sandbox has them; it lets list.pop and list.clear pass.
constexpr std::string_view kListChanges[] = {"append", "reverse", "insert", "sort", "extend", "remove"};
constexpr std::string_view kDictChanges[] = {"clear", "pop", "popitem", "setdefault", "update"};

}  // namespace

std::span<const Native> container_methods(Owner owner) {
    switch (owner) {
        case Owner::kList:
            return kListMethods;
        case Owner::kTuple:
            return kTupleMethods;
        case Owner::kDict:
            return kDictMethods;
        case Owner::kInt:
            return kIntMethods;
        case Owner::kFloat:
            return kFloatMethods;
        case Owner::kBytes:
            return kBytesMethods;
        case Owner::kCycler:
            return kCyclerMethods;
        case Owner::kLoop:
            return kLoopMethods;
        default:
            return {};
    }
}

MethodSet methods_named(std::string_view name) {
    MethodSet set;
    const auto pick = [&](Owner owner, std::span<const Native> rows) {
        const auto row = std::ranges::find(rows, name, &Native::name);
        if (row != rows.end()) set.methods[static_cast<size_t>(owner)] = &*row;
    };
    pick(Owner::kStr, str_methods());
    pick(Owner::kStr, str_search_methods());
    for (auto owner = static_cast<size_t>(Owner::kStr) + 1; owner < static_cast<size_t>(Owner::kCount);
         ++owner) {
        pick(static_cast<Owner>(owner), container_methods(static_cast<Owner>(owner)));
    }
    const auto field = std::ranges::find(kLoopFields, name, &LoopFieldRow::name);
    if (field != std::end(kLoopFields)) set.loop_field = field->field;
    set.changes_list = std::ranges::find(kListChanges, name) != std::end(kListChanges);
    set.changes_dict = std::ranges::find(kDictChanges, name) != std::end(kDictChanges);
    set.internal = name.size() > 4 && name.starts_with("__") && name.ends_with("__");
    return set;
}

}  // namespace airframe::jinja
