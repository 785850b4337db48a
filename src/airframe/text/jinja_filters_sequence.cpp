// Filters that take something to walk, and give one value or a new order of it.
#include <algorithm>

#include "airframe/text/jinja_filters.h"
#include "airframe/text/jinja_strings.h"

namespace airframe::jinja {
namespace {

bool flag(const Value& value) { return !value.missing() && truthy(value); }

Value length(Machine&, Params p) {
    const auto size = length_of(p[0]);
    if (!size) raise("object of type '{}' has no len()", type_name(p[0]));
    return Value::integer(*size);
}

Value list(Machine& m, Params p) { return Value::list(m.heap().list(collect(m.heap(), p[0]))); }

Value first(Machine& machine, Params p) {
    Items items(machine.heap(), p[0]);
    if (auto item = items.next()) return *item;
    return machine.undefined_hint("No first item, sequence was empty.");
}

Value last(Machine& machine, Params p) {
    if (p[0].is(Kind::kIterator)) raise("'{}' object is not reversible", type_name(p[0]));
    std::vector<Value> items = collect(machine.heap(), p[0]);
    return items.empty() ? machine.undefined_hint("No last item, sequence was empty.") : items.back();
}

// Not random: the same clock gives the same item, so that a prompt can be told again.
Value random(Machine& machine, Params p) {
    const auto size = length_of(p[0]);
    if (!size) raise("object of type '{}' has no len()", type_name(p[0]));
    if (*size == 0) return machine.undefined_hint("No random item, sequence was empty.");
    const int64_t now = std::max<int64_t>(0, machine.options().now_unix_seconds);
    return machine.item(p[0], Value::integer(now % *size));
}

Value join(Machine& machine, Params p) {
    const Str separator = p[1].missing() ? Str() : text_of(machine, p[1]);
    const bool by_attribute = !p[2].missing() && !p[2].is_none();
    const Getter getter = by_attribute ? Getter(machine, p[2]) : Getter(machine);
    TextBuilder out(machine.budget());
    Items items(machine.heap(), p[0]);
    for (bool first_item = true; auto item = items.next(); first_item = false) {
        if (!first_item) out.append(separator);
        append_text(out, machine.budget(), getter.get(*item));
    }
    return Value::string(out.finish());
}

Value reverse(Machine& machine, Params p) {
    if (p[0].is_string()) {
        const Str text = p[0].as_str();
        TextBuilder out(machine.budget());
        for (size_t end = text.size(); end > 0;) {
            size_t begin = end - 1;
            while (begin > 0 && (text.view()[begin] & 0xc0) == 0x80) --begin;
            machine.budget().step();
            out.append(text, begin, end);
            end = begin;
        }
        return Value::string(out.finish());
    }
    std::vector<Value> items = collect(machine.heap(), p[0]);
    std::ranges::reverse(items);
    if (p[0].is(Kind::kIterator)) return Value::list(machine.heap().list(std::move(items)));
    return machine.heap().iterator([items = std::move(items)] { return items; }, "list_reverseiterator");
}

Value sort(Machine& machine, Params p) {
    const Getter getter(machine, p[3].missing() ? Value::none() : p[3], !flag(p[2]), ',');
    return Value::list(
        machine.heap().list(sorted(machine, collect(machine.heap(), p[0]), getter, flag(p[1]))));
}

Value dictsort(Machine& machine, Params p) {
    if (!p[0].is(Kind::kDict)) raise("'{}' object has no attribute 'items'", type_name(p[0]));
    const std::string_view by = p[2].missing() ? "key" : p[2].is_string() ? p[2].view() : "";
    if (by != "key" && by != "value") raise("You can only sort by either \"key\" or \"value\"");
    std::vector<Value> pairs;
    for (const Dict::Entry& entry : p[0].as_dict()->entries)
        pairs.push_back(machine.heap().pair(entry.key, entry.value));
    const Getter getter(machine, Value::integer(by == "key" ? 0 : 1), !flag(p[1]));
    return Value::list(machine.heap().list(sorted(machine, std::move(pairs), getter, flag(p[3]))));
}

std::vector<Value> without_repeats(Machine& machine, const Value& source, const Getter& getter) {
    Dict seen;
    std::vector<Value> out;
    Items items(machine.heap(), source);
    while (auto item = items.next()) {
        const Value key = getter.get(*item);
        if (seen.find(machine.budget(), key)) continue;
        seen.set(machine.budget(), key, Value::none());
        out.push_back(std::move(*item));
    }
    return out;
}

Value unique(Machine& machine, Params p) {
    return machine.heap().iterator([&machine, source = p[0], folds_case = !flag(p[1]),
                                    attribute = p[2].missing() ? Value::none() : p[2]] {
        return without_repeats(machine, source, Getter(machine, attribute, folds_case));
    });
}

Value extreme(Machine& machine, Params p, Order better) {
    const Getter getter(machine, p[2].missing() ? Value::none() : p[2], !flag(p[1]));
    Items items(machine.heap(), p[0]);
    auto best = items.next();
    if (!best) return machine.undefined_hint("No aggregated item, sequence was empty.");
    Value best_key = getter.get(*best);
    while (auto item = items.next()) {
        Value key = getter.get(*item);
        if (!ordered(machine.budget(), better, key, best_key)) continue;
        best = std::move(item);
        best_key = std::move(key);
    }
    return *best;
}
Value min(Machine& m, Params p) { return extreme(m, p, Order::kLess); }
Value max(Machine& m, Params p) { return extreme(m, p, Order::kGreater); }

Value sum(Machine& machine, Params p) {
    const bool by_attribute = !p[1].missing() && !p[1].is_none();
    const Getter getter = by_attribute ? Getter(machine, p[1]) : Getter(machine);
    Value total = p[2].missing() ? Value::integer(0) : p[2];
    if (total.is_string()) raise("sum() can't sum strings [use ''.join(seq) instead]");
    Items items(machine.heap(), p[0]);
    while (auto item = items.next()) total = binary(machine.heap(), Binary::kAdd, total, getter.get(*item));
    return total;
}

Value groupby(Machine& machine, Params p) {
    const Value fallback = p[2].missing() || p[2].is_none() ? Value() : p[2];
    const bool folds_case = !flag(p[3]);
    const Getter key(machine, p[1], folds_case, 0, fallback);
    const Getter shown(machine, p[1], false, 0, fallback);
    std::vector<Value> groups;
    std::vector<Value> members;
    Value group_key;
    const auto close = [&] {
        if (members.empty()) return;
        Value name = folds_case ? shown.get(members.front()) : group_key;
        Value group = machine.heap().pair(std::move(name),
                                          Value::list(machine.heap().list(std::exchange(members, {}))));
        group.as_list()->is_group = true;
        groups.push_back(std::move(group));
    };
    for (Value& item : sorted(machine, collect(machine.heap(), p[0]), key, false)) {
        Value item_key = key.get(item);
        if (!members.empty() && !equal(machine.budget(), item_key, group_key)) close();
        group_key = std::move(item_key);
        members.push_back(std::move(item));
    }
    close();
    return Value::list(machine.heap().list(std::move(groups)));
}

std::vector<Value> rows_of(Machine& machine, const Value& source, int64_t size, const Value& filler) {
    std::vector<Value> rows;
    std::vector<Value> row;
    const auto close = [&] { rows.push_back(Value::list(machine.heap().list(std::exchange(row, {})))); };
    Items items(machine.heap(), source);
    while (auto item = items.next()) {
        if (static_cast<int64_t>(row.size()) == size) close();
        row.push_back(std::move(*item));
    }
    while (!filler.is_none() && !row.empty() && static_cast<int64_t>(row.size()) < size) {
        machine.budget().take(sizeof(Value));
        row.push_back(filler);
    }
    if (!row.empty()) close();
    return rows;
}

std::vector<Value> columns_of(Machine& machine, const Value& source, int64_t count, const Value& filler) {
    const std::vector<Value> items = collect(machine.heap(), source);
    if (count == 0) raise("integer division or modulo by zero");
    const auto size = static_cast<int64_t>(items.size());
    std::vector<Value> columns;
    int64_t at = 0;
    for (int64_t i = 0; i < count; ++i) {
        const bool longer = i < size % count;
        const int64_t end = at + size / count + (longer ? 1 : 0);
        std::vector<Value> column(items.begin() + at, items.begin() + end);
        if (!filler.is_none() && !longer) column.push_back(filler);
        columns.push_back(Value::list(machine.heap().list(std::move(column))));
        at = end;
    }
    return columns;
}

template <std::vector<Value> (*cut)(Machine&, const Value&, int64_t, const Value&)>
Value cut_filter(Machine& machine, Params p) {
    return machine.heap().iterator(
        [&machine, source = p[0], size = p[1], filler = p[2].missing() ? Value::none() : p[2]] {
            return cut(machine, source, integer_of(size, "the number"), filler);
        });
}

constexpr Native kFilters[] = {
    {"length", length, 1, {"obj"}},
    {"count", length, 1, {"obj"}},
    {"list", list, 1, {"value"}},
    {"first", first, 1, {"seq"}},
    {"last", last, 1, {"seq"}},
    {"random", random, 1, {"seq"}},
    {"join", join, 1, {"value", "d", "attribute"}},
    {"reverse", reverse, 1, {"value"}},
    {"sort", sort, 1, {"value", "reverse", "case_sensitive", "attribute"}},
    {"dictsort", dictsort, 1, {"value", "case_sensitive", "by", "reverse"}},
    {"unique", unique, 1, {"value", "case_sensitive", "attribute"}},
    {"min", min, 1, {"value", "case_sensitive", "attribute"}},
    {"max", max, 1, {"value", "case_sensitive", "attribute"}},
    {"sum", sum, 1, {"iterable", "attribute", "start"}},
    {"groupby", groupby, 2, {"value", "attribute", "default", "case_sensitive"}},
    {"batch", cut_filter<rows_of>, 2, {"value", "linecount", "fill_with"}},
    {"slice", cut_filter<columns_of>, 2, {"value", "slices", "fill_with"}},
};

}  // namespace

std::span<const Native> sequence_filters() { return kFilters; }

}  // namespace airframe::jinja
