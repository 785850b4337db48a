// Tests: what stands behind `is`.
#include <algorithm>

#include "airframe/text/jinja_strings.h"

namespace airframe::jinja {
namespace {

template <Kind kind>
Value is_kind(Machine&, Params p) {
    return Value::boolean(p[0].is(kind));
}

Value defined(Machine&, Params p) { return Value::boolean(!p[0].is_undefined()); }
Value is_true(Machine&, Params p) { return Value::boolean(p[0].is(Kind::kBool) && p[0].as_bool()); }
Value is_false(Machine&, Params p) { return Value::boolean(p[0].is(Kind::kBool) && !p[0].as_bool()); }
Value integer(Machine&, Params p) { return Value::boolean(p[0].is_integer() && !p[0].is(Kind::kBool)); }
Value number(Machine&, Params p) { return Value::boolean(p[0].is_number()); }
Value escaped(Machine&, Params p) { return Value::boolean(p[0].is_markup()); }

bool divides(Machine& machine, const Value& value, const Value& by, int64_t rest) {
    const Value left_over = binary(machine.heap(), Binary::kMod, value, by);
    return equal(machine.budget(), left_over, Value::integer(rest));
}
Value odd(Machine& m, Params p) { return Value::boolean(divides(m, p[0], Value::integer(2), 1)); }
Value even(Machine& m, Params p) { return Value::boolean(divides(m, p[0], Value::integer(2), 0)); }
Value divisibleby(Machine& m, Params p) { return Value::boolean(divides(m, p[0], p[1], 0)); }

Value all_of_case(Machine& machine, Params p, bool (*wanted)(char32_t)) {
    const Str text = text_of(machine, p[0]);
    bool any = false;
    for (size_t at = 0; at < text.size();) {
        const char32_t c = base::next_code_point(text.view(), at);
        if (is_cased(c) && !wanted(c)) return Value::boolean(false);
        any |= wanted(c);
    }
    return Value::boolean(any);
}
Value lower(Machine& m, Params p) { return all_of_case(m, p, is_lower); }
Value upper(Machine& m, Params p) { return all_of_case(m, p, is_upper); }

Value iterable(Machine&, Params p) {
    switch (p[0].kind()) {
        case Kind::kUndefined:
        case Kind::kString:
        case Kind::kBytes:
        case Kind::kList:
        case Kind::kTuple:
        case Kind::kDict:
        case Kind::kRange:
        case Kind::kView:
        case Kind::kIterator:
        case Kind::kLoop:
            return Value::boolean(true);
        default:
            return Value::boolean(false);
    }
}

Value sequence(Machine&, Params p) {
    const bool can_index = !p[0].is(Kind::kView) && !p[0].is(Kind::kLoop);
    return Value::boolean(can_index && length_of(p[0]).has_value());
}

Value callable(Machine&, Params p) {
    switch (p[0].kind()) {
        case Kind::kUndefined:
        case Kind::kLoop:
        case Kind::kMacro:
        case Kind::kFunction:
        case Kind::kMethod:
        case Kind::kJoiner:
            return Value::boolean(true);
        default:
            return Value::boolean(false);
    }
}

// Identity. Values that have none here (numbers, strings) are the same when they are equal and of one type.
Value sameas(Machine& machine, Params p) {
    if (p[0].kind() != p[1].kind()) return Value::boolean(false);
    const bool by_value = p[0].is_number() || p[0].is_string() || p[0].is_none();
    return Value::boolean(by_value ? equal(machine.budget(), p[0], p[1])
                                   : p[0].identity() == p[1].identity());
}

Value is_filter(Machine&, Params p) { return Value::boolean(p[0].is_string() && find_filter(p[0].view())); }
Value is_test(Machine&, Params p) { return Value::boolean(p[0].is_string() && find_test(p[0].view())); }

Value in(Machine& m, Params p) { return Value::boolean(contains(m.heap(), p[1], p[0])); }
Value eq(Machine& m, Params p) { return Value::boolean(equal(m.budget(), p[0], p[1])); }
Value ne(Machine& m, Params p) { return Value::boolean(!equal(m.budget(), p[0], p[1])); }
template <Order order>
Value by_order(Machine& m, Params p) {
    return Value::boolean(ordered(m.budget(), order, p[0], p[1]));
}

constexpr Native kTests[] = {
    {"defined", defined, 1, {"value"}},
    {"undefined", is_kind<Kind::kUndefined>, 1, {"value"}},
    {"none", is_kind<Kind::kNone>, 1, {"value"}},
    {"string", is_kind<Kind::kString>, 1, {"value"}},
    {"mapping", is_kind<Kind::kDict>, 1, {"value"}},
    {"boolean", is_kind<Kind::kBool>, 1, {"value"}},
    {"float", is_kind<Kind::kFloat>, 1, {"value"}},
    {"true", is_true, 1, {"value"}},
    {"false", is_false, 1, {"value"}},
    {"integer", integer, 1, {"value"}},
    {"number", number, 1, {"value"}},
    {"iterable", iterable, 1, {"value"}},
    {"sequence", sequence, 1, {"value"}},
    {"callable", callable, 1, {"value"}},
    {"escaped", escaped, 1, {"value"}},
    {"odd", odd, 1, {"value"}},
    {"even", even, 1, {"value"}},
    {"divisibleby", divisibleby, 2, {"value", "num"}},
    {"lower", lower, 1, {"value"}},
    {"upper", upper, 1, {"value"}},
    {"sameas", sameas, 2, {"value", "other"}},
    {"filter", is_filter, 1, {"value"}},
    {"test", is_test, 1, {"value"}},
    {"in", in, 2, {"value", "seq"}},
    {"eq", eq, 2, {"a", "b"}},
    {"==", eq, 2, {"a", "b"}},
    {"equalto", eq, 2, {"a", "b"}},
    {"ne", ne, 2, {"a", "b"}},
    {"!=", ne, 2, {"a", "b"}},
    {"lt", by_order<Order::kLess>, 2, {"a", "b"}},
    {"<", by_order<Order::kLess>, 2, {"a", "b"}},
    {"lessthan", by_order<Order::kLess>, 2, {"a", "b"}},
    {"le", by_order<Order::kLessEqual>, 2, {"a", "b"}},
    {"<=", by_order<Order::kLessEqual>, 2, {"a", "b"}},
    {"gt", by_order<Order::kGreater>, 2, {"a", "b"}},
    {">", by_order<Order::kGreater>, 2, {"a", "b"}},
    {"greaterthan", by_order<Order::kGreater>, 2, {"a", "b"}},
    {"ge", by_order<Order::kGreaterEqual>, 2, {"a", "b"}},
    {">=", by_order<Order::kGreaterEqual>, 2, {"a", "b"}},
};

}  // namespace

const Native* find_test(std::string_view name) {
    const auto* row = std::ranges::find(kTests, name, &Native::name);
    return row == std::end(kTests) ? nullptr : row;
}

}  // namespace airframe::jinja
