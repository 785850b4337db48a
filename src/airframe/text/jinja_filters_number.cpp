// Filters over numbers, and the search for a filter by name.
#include <algorithm>
#include <cmath>

#include "airframe/text/jinja_strings.h"

namespace airframe::jinja {
namespace {

Value abs(Machine& machine, Params p) {
    require_defined(p[0]);
    if (p[0].is(Kind::kFloat)) return Value::floating(std::fabs(p[0].as_float()));
    if (!p[0].is_integer()) raise("bad operand type for abs(): '{}'", type_name(p[0]));
    const BigInt value = p[0].as_big();
    return machine.heap().integer(value < 0 ? -value : value);
}

std::optional<double> to_float(Machine& machine, const Value& value) {
    require_defined(value);
    if (value.is_number()) return float_of(value);
    return value.is_string() ? parse_float(text_of(machine, value).view()) : std::nullopt;
}

Value integer(Machine& machine, Params p) {
    const Value& value = p[0];
    require_defined(value);
    if (value.is_integer()) return machine.heap().integer(value.as_big());
    if (value.is_string()) {
        const int base = static_cast<int>(std::clamp<int64_t>(integer_or(p[2], 10, "base"), 0, 36));
        if (const auto whole = parse_integer(text_of(machine, value).view(), base))
            return machine.heap().integer(*whole);
    }
    if (value.is(Kind::kFloat) && std::isinf(value.as_float()))
        raise("cannot convert float infinity to integer");
    const auto number = to_float(machine, value);
    const auto whole = number ? truncate_float(*number) : std::nullopt;
    if (whole) return machine.heap().integer(*whole);
    return p[1].missing() ? Value::integer(0) : p[1];
}

Value floating(Machine& machine, Params p) {
    if (const auto number = to_float(machine, p[0])) return Value::floating(*number);
    return p[1].missing() ? Value::floating(0) : p[1];
}

// Half to even on the number's decimal digits, as Python rounds.
double round_float(double value, int64_t precision) {
    if (!std::isfinite(value) || precision > 300) return value;
    if (precision < -308) return std::copysign(0.0, value);
    if (precision >= 0) {
        char text[700];
        std::snprintf(text, sizeof text, "%.*f", static_cast<int>(precision), value);
        return std::strtod(text, nullptr);
    }
    const long double unit = std::pow(10.0L, static_cast<long double>(-precision));
    return static_cast<double>(std::nearbyint(static_cast<long double>(value) / unit) * unit);
}

Value round_integer(Machine& machine, BigInt value, int64_t precision) {
    if (precision >= 0) return machine.heap().integer(value);
    if (precision < -37) return Value::integer(0);
    BigInt unit = 1;
    for (int64_t i = 0; i < -precision; ++i) unit *= 10;
    BigInt rest = value % unit;
    if (rest < 0) rest += unit;
    const BigInt down = value - rest;
    const bool up = rest * 2 > unit || (rest * 2 == unit && (down / unit) % 2 != 0);
    return machine.heap().integer(up ? down + unit : down);
}

Value round(Machine& machine, Params p) {
    require_defined(p[0]);
    const int64_t precision = integer_or(p[1], 0, "precision");
    const std::string_view method = p[2].missing() ? "common" : p[2].is_string() ? p[2].view() : "";
    if (method != "common" && method != "ceil" && method != "floor")
        raise("method must be common, ceil or floor");
    if (!p[0].is_number()) raise("type {} doesn't define __round__ method", type_name(p[0]));
    if (method == "common" && p[0].is_integer()) return round_integer(machine, p[0].as_big(), precision);
    const double value = float_of(p[0]);
    if (method == "common") return Value::floating(round_float(value, precision));
    const double unit = std::pow(10.0, static_cast<double>(precision));
    return Value::floating((method == "ceil" ? std::ceil(value * unit) : std::floor(value * unit)) / unit);
}

constexpr Native kFilters[] = {
    {"abs", abs, 1, {"x"}},
    {"int", integer, 1, {"value", "default", "base"}},
    {"float", floating, 1, {"value", "default"}},
    {"round", round, 1, {"value", "precision", "method"}},
};

}  // namespace

std::span<const Native> number_filters() { return kFilters; }

const Native* find_filter(std::string_view name) {
    for (const auto rows :
         {text_filters(), markup_filters(), sequence_filters(), selection_filters(), number_filters()}) {
        const auto row = std::ranges::find(rows, name, &Native::name);
        if (row != rows.end()) return &*row;
    }
    return nullptr;
}

}  // namespace airframe::jinja
