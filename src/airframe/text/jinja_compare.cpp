// Truth, equality, order, membership and iteration of values, as Python has them.
#include <cmath>

#include "airframe/text/jinja_machine.h"
#include "airframe/text/jinja_python.h"
#include "base/utf8.h"

namespace airframe::jinja {
namespace {

bool equal_items(Budget& budget, const List& a, const List& b) {
    if (a.items.size() != b.items.size()) return false;
    const Depth depth(budget);
    for (size_t i = 0; i < a.items.size(); ++i) {
        if (!equal(budget, a.items[i], b.items[i])) return false;
    }
    return true;
}

bool equal_dicts(Budget& budget, const Dict& a, const Dict& b) {
    if (a.entries.size() != b.entries.size()) return false;
    const Depth depth(budget);
    for (const Dict::Entry& entry : a.entries) {
        const Value* other = b.find(budget, entry.key);
        if (!other || !equal(budget, entry.value, *other)) return false;
    }
    return true;
}

bool equal_ranges(const Range& a, const Range& b) {
    if (a.count != b.count) return false;
    if (a.count == 0) return true;
    return a.start == b.start && (a.count == 1 || a.step == b.step);
}

bool equal_numbers(const Value& a, const Value& b) {
    if (a.is_integer() && b.is_integer()) return a.as_big() == b.as_big();
    return float_of(a) == float_of(b);
}

// -1, 0, 1, or 2 when neither is less (NaN).
int three_way(double a, double b) { return a < b ? -1 : a > b ? 1 : a == b ? 0 : 2; }

constexpr std::string_view kOrderSigns[] = {"<", "<=", ">", ">="};

int compare(Budget& budget, Order order, const Value& a, const Value& b);

int compare_items(Budget& budget, Order order, const List& a, const List& b) {
    const Depth depth(budget);
    const size_t common = std::min(a.items.size(), b.items.size());
    for (size_t i = 0; i < common; ++i) {
        if (!equal(budget, a.items[i], b.items[i])) return compare(budget, order, a.items[i], b.items[i]);
    }
    return three_way(static_cast<double>(a.items.size()), static_cast<double>(b.items.size()));
}

int compare(Budget& budget, Order order, const Value& a, const Value& b) {
    budget.step();
    if (a.is_number() && b.is_number()) {
        if (!a.is_integer() || !b.is_integer()) return three_way(float_of(a), float_of(b));
        return a.as_big() < b.as_big() ? -1 : a.as_big() > b.as_big() ? 1 : 0;
    }
    if ((a.is_string() && b.is_string()) || (a.is(Kind::kBytes) && b.is(Kind::kBytes))) {
        budget.step(static_cast<int64_t>(std::min(a.view().size(), b.view().size()) >> 8));
        return a.view().compare(b.view()) < 0 ? -1 : a.view() == b.view() ? 0 : 1;
    }
    if (a.is_sequence() && a.kind() == b.kind())
        return compare_items(budget, order, *a.as_list(), *b.as_list());
    require_defined(a);
    require_defined(b);
    raise("'{}' not supported between instances of '{}' and '{}'", kOrderSigns[static_cast<int>(order)],
          type_name(a), type_name(b));
}

bool contains_item(Heap& heap, const Value& container, const Value& item) {
    Items items(heap, container);
    while (auto candidate = items.next()) {
        if (equal(heap.budget(), *candidate, item)) return true;
    }
    return false;
}

}  // namespace

void raise_undefined(const Value& value) {
    const Undefined* why = value.as_undefined();
    throw Failure{Failure::Kind::kTemplate, why ? why->message() : "an undefined value was used"};
}

bool truthy(const Value& value) {
    switch (value.kind()) {
        case Kind::kMissing:
        case Kind::kUndefined:
        case Kind::kNone:
            return false;
        case Kind::kBool:
        case Kind::kInt:
            return value.as_int() != 0;
        case Kind::kFloat:
            return value.as_float() != 0;
        case Kind::kString:
        case Kind::kBytes:
            return !value.view().empty();
        case Kind::kList:
        case Kind::kTuple:
        case Kind::kView:
            return !value.as_list()->items.empty();
        case Kind::kDict:
            return !value.as_dict()->entries.empty();
        case Kind::kRange:
            return value.as_range()->count != 0;
        default:
            return true;
    }
}

bool equal(Budget& budget, const Value& a, const Value& b) {
    budget.step();
    if (a.is_number() && b.is_number()) return equal_numbers(a, b);
    if (a.kind() != b.kind()) return false;
    switch (a.kind()) {
        case Kind::kString:
        case Kind::kBytes:
            if (a.view().size() != b.view().size()) return false;
            budget.step(static_cast<int64_t>(a.view().size() >> 8));
            return a.view() == b.view();
        case Kind::kList:
        case Kind::kTuple:
        case Kind::kView:
            return equal_items(budget, *a.as_list(), *b.as_list());
        case Kind::kDict:
            return equal_dicts(budget, *a.as_dict(), *b.as_dict());
        case Kind::kRange:
            return equal_ranges(*a.as_range(), *b.as_range());
        case Kind::kNone:
        case Kind::kMissing:
        case Kind::kUndefined:
            return true;
        default:
            return a.identity() == b.identity();
    }
}

bool ordered(Budget& budget, Order order, const Value& a, const Value& b) {
    const int way = compare(budget, order, a, b);
    switch (order) {
        case Order::kLess:
            return way == -1;
        case Order::kLessEqual:
            return way == -1 || way == 0;
        case Order::kGreater:
            return way == 1;
        case Order::kGreaterEqual:
            return way == 1 || way == 0;
    }
    return false;
}

bool contains(Heap& heap, const Value& container, const Value& item) {
    Budget& budget = heap.budget();
    switch (container.kind()) {
        case Kind::kString:
            if (!item.is_string()) {
                raise("'in <string>' requires string as left operand, not {}", type_name(item));
            }
            budget.step(static_cast<int64_t>(container.view().size() >> 6));
            return container.view().find(item.view()) != std::string_view::npos;
        case Kind::kDict:
            return container.as_dict()->find(budget, item) != nullptr;
        case Kind::kRange: {
            if (!item.is_number()) return false;
            const Range& range = *container.as_range();
            const double steps =
                (float_of(item) - static_cast<double>(range.start)) / static_cast<double>(range.step);
            return steps >= 0 && steps < static_cast<double>(range.count) && steps == std::floor(steps);
        }
        case Kind::kUndefined:
        case Kind::kList:
        case Kind::kTuple:
        case Kind::kView:
        case Kind::kIterator:
        case Kind::kLoop:
            return contains_item(heap, container, item);
        default:
            raise("argument of type '{}' is not iterable", type_name(container));
    }
}

std::optional<int64_t> length_of(const Value& value) {
    switch (value.kind()) {
        case Kind::kUndefined:
            return 0;
        case Kind::kString:
            return value.as_str().length();
        case Kind::kBytes:
            return static_cast<int64_t>(value.view().size());
        case Kind::kList:
        case Kind::kTuple:
        case Kind::kView:
            return static_cast<int64_t>(value.as_list()->items.size());
        case Kind::kDict:
            return static_cast<int64_t>(value.as_dict()->entries.size());
        case Kind::kRange:
            return value.as_range()->count;
        case Kind::kLoop:
            return loop_length(*value.as_loop());
        default:
            return std::nullopt;
    }
}

Items::Items(Heap& heap, const Value& source) : heap_(&heap), source_(source) {
    switch (source.kind()) {
        case Kind::kUndefined:
            if (source.as_undefined() && source.as_undefined()->unsafe) raise_undefined(source);
            return;
        case Kind::kString:
        case Kind::kBytes:
        case Kind::kList:
        case Kind::kTuple:
        case Kind::kView:
        case Kind::kDict:
        case Kind::kRange:
        case Kind::kIterator:
            return;
        default:
            raise("'{}' object is not iterable", type_name(source));
    }
}

std::optional<Value> Items::next() {
    heap_->budget().step();
    const auto index = static_cast<size_t>(at_);
    switch (source_.kind()) {
        case Kind::kString: {
            const Str text = source_.as_str();
            if (index >= text.size()) return std::nullopt;
            size_t end = index;
            base::next_code_point(text.view(), end);
            at_ = static_cast<int64_t>(end);
            return Value::string(text.slice(heap_->budget(), index, end));
        }
        case Kind::kBytes:
            if (index >= source_.view().size()) return std::nullopt;
            ++at_;
            return Value::integer(static_cast<unsigned char>(source_.view()[index]));
        case Kind::kList:
        case Kind::kTuple:
        case Kind::kView:
            if (index >= source_.as_list()->items.size()) return std::nullopt;
            ++at_;
            return source_.as_list()->items[index];
        case Kind::kDict:
            if (index >= source_.as_dict()->entries.size()) return std::nullopt;
            ++at_;
            return source_.as_dict()->entries[index].key;
        case Kind::kRange:
            if (at_ >= source_.as_range()->count) return std::nullopt;
            return Value::integer(source_.as_range()->at(at_++));
        case Kind::kIterator: {
            Iterator& iterator = *source_.as_iterator();
            if (!iterator.source) {
                iterator.source = heap_->list({});  // walked already, should it fail or walk itself
                iterator.source = heap_->list(iterator.produce());
            }
            if (iterator.at >= iterator.source->items.size()) return std::nullopt;
            return iterator.source->items[iterator.at++];
        }
        default:
            return std::nullopt;
    }
}

std::vector<Value> collect(Heap& heap, const Value& source) {
    std::vector<Value> out;
    Items items(heap, source);
    while (auto item = items.next()) out.push_back(std::move(*item));
    return out;
}

}  // namespace airframe::jinja
