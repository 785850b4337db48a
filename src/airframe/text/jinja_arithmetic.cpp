// + - * / // % ** of values, and reading numbers, as Python does them.
#include <charconv>
#include <cmath>
#include <limits>

#include "airframe/text/jinja_format.h"
#include "airframe/text/jinja_python.h"
#include "airframe/text/jinja_unicode.h"

namespace airframe::jinja {
namespace {

constexpr std::string_view kSigns[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};

[[noreturn]] void unsupported(Binary op, const Value& a, const Value& b) {
    raise("unsupported operand type(s) for {}: '{}' and '{}'", kSigns[static_cast<int>(op)], type_name(a),
          type_name(b));
}

[[noreturn]] void too_large() { raise("integer of more than 127 bits"); }

BigInt floor_divide(BigInt a, BigInt b) {
    if (b == 0) raise("integer division or modulo by zero");
    const BigInt quotient = a / b;
    return (a % b != 0 && (a < 0) != (b < 0)) ? quotient - 1 : quotient;
}

double floor_modulo(double a, double b) {
    if (b == 0) raise("float modulo by zero");
    const double rest = std::fmod(a, b);
    if (rest == 0) return std::copysign(0.0, b);
    return (rest < 0) != (b < 0) ? rest + b : rest;
}

double floor_quotient(double a, double b) {
    if (b == 0) raise("float floor division by zero");
    const double quotient = (a - floor_modulo(a, b)) / b;
    if (quotient == 0) return std::copysign(0.0, a / b);
    const double floor = std::floor(quotient);
    return quotient - floor > 0.5 ? floor + 1 : floor;
}

Value float_power(double base, double exponent) {
    if (base == 0 && exponent < 0) raise("0.0 cannot be raised to a negative power");
    const double result = std::pow(base, exponent);
    if (std::isnan(result) && !std::isnan(base) && !std::isnan(exponent))
        raise("the power is a complex number");
    if (std::isinf(result) && std::isfinite(base) && std::isfinite(exponent)) raise("result too large");
    return Value::floating(result);
}

Value integer_power(Heap& heap, BigInt base, BigInt exponent) {
    if (exponent < 0) return float_power(static_cast<double>(base), static_cast<double>(exponent));
    BigInt result = 1;
    while (exponent > 0) {
        if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) too_large();
        exponent >>= 1;
        if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) {
            too_large();
        }
    }
    return heap.integer(result);
}

Value integer_binary(Heap& heap, Binary op, BigInt a, BigInt b) {
    BigInt result = 0;
    switch (op) {
        case Binary::kAdd:
            if (__builtin_add_overflow(a, b, &result)) too_large();
            return heap.integer(result);
        case Binary::kSub:
            if (__builtin_sub_overflow(a, b, &result)) too_large();
            return heap.integer(result);
        case Binary::kMul:
            if (__builtin_mul_overflow(a, b, &result)) too_large();
            return heap.integer(result);
        case Binary::kDiv:
            if (b == 0) raise("division by zero");
            return Value::floating(
                static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b)));
        case Binary::kFloorDiv:
            return heap.integer(floor_divide(a, b));
        case Binary::kMod:
            return heap.integer(a - floor_divide(a, b) * b);
        case Binary::kPow:
            return integer_power(heap, a, b);
    }
    return Value::none();
}

Value float_binary(Binary op, double a, double b) {
    switch (op) {
        case Binary::kAdd:
            return Value::floating(a + b);
        case Binary::kSub:
            return Value::floating(a - b);
        case Binary::kMul:
            return Value::floating(a * b);
        case Binary::kDiv:
            if (b == 0) raise("float division by zero");
            return Value::floating(a / b);
        case Binary::kFloorDiv:
            return Value::floating(floor_quotient(a, b));
        case Binary::kMod:
            return Value::floating(floor_modulo(a, b));
        case Binary::kPow:
            return float_power(a, b);
    }
    return Value::none();
}

bool repeatable(const Value& value) {
    return value.is_string() || value.is_sequence() || value.is(Kind::kBytes);
}

Value repeat(Heap& heap, const Value& what, const Value& times) {
    if (!times.is_integer()) raise("can't multiply sequence by non-int of type '{}'", type_name(times));
    const BigInt wide = times.as_big();
    const int64_t count = wide <= 0 ? 0 : static_cast<int64_t>(std::min<BigInt>(wide, INT64_MAX / 64));
    if (what.is_sequence()) {
        const auto& items = what.as_list()->items;
        if (!items.empty()) {
            heap.budget().take(std::min<size_t>(static_cast<size_t>(count), SIZE_MAX / 64 / items.size()) *
                               items.size() * sizeof(Value));
        }
        List out;
        for (int64_t i = 0; i < count && !items.empty(); ++i)
            out.items.insert(out.items.end(), items.begin(), items.end());
        List* list = heap.make(std::move(out));
        return what.is(Kind::kList) ? Value::list(list) : Value::tuple(list);
    }
    TextBuilder out(heap.budget());
    out.repeat(what.as_str(), count);
    if (what.is(Kind::kBytes)) return Value::bytes(out.finish());
    return what.is_markup() ? Value::markup(out.finish()) : Value::string(out.finish());
}

// Adding to safe HTML escapes the side that is not.
Value add_strings(Heap& heap, const Value& a, const Value& b) {
    const bool markup = a.is_markup() || b.is_markup();
    TextBuilder out(heap.budget());
    for (const Value* side : {&a, &b}) {
        if (markup && !side->is_markup())
            out.append(escape_html(heap.budget(), side->as_str()));
        else
            out.append(side->as_str());
    }
    return markup ? Value::markup(out.finish()) : Value::string(out.finish());
}

Value add_others(Heap& heap, const Value& a, const Value& b) {
    if (a.is_string() && b.is_string()) return add_strings(heap, a, b);
    if (a.is_sequence() && a.kind() == b.kind()) {
        std::vector<Value> items = a.as_list()->items;
        const auto& more = b.as_list()->items;
        items.insert(items.end(), more.begin(), more.end());
        List* list = heap.list(std::move(items));
        return a.is(Kind::kList) ? Value::list(list) : Value::tuple(list);
    }
    if (a.is_string()) raise("can only concatenate str (not \"{}\") to str", type_name(b));
    if (a.is_sequence()) raise("can only concatenate {0} (not \"{1}\") to {0}", type_name(a), type_name(b));
    unsupported(Binary::kAdd, a, b);
}

// Digits with single underscores between them, which go.
std::optional<std::string> without_underscores(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '_') {
            out.push_back(text[i]);
            continue;
        }
        const auto digit = [&](size_t at) {
            return at < text.size() && std::isxdigit(static_cast<unsigned char>(text[at]));
        };
        if (i == 0 || !digit(i - 1) || !digit(i + 1)) return std::nullopt;
    }
    return out;
}

std::string_view trimmed(std::string_view text) {
    text.remove_prefix(leading_space_bytes(text));
    text.remove_suffix(trailing_space_bytes(text));
    return text;
}

}  // namespace

double float_of(const Value& number) {
    return number.is(Kind::kFloat) ? number.as_float() : static_cast<double>(number.as_big());
}

Value binary(Heap& heap, Binary op, const Value& a, const Value& b) {
    if (a.is_number() && b.is_number()) {
        if (a.is_integer() && b.is_integer()) return integer_binary(heap, op, a.as_big(), b.as_big());
        return float_binary(op, float_of(a), float_of(b));
    }
    if (op == Binary::kMod && a.is_string()) return format_percent(heap, a, b);
    require_defined(a);
    require_defined(b);
    if (op == Binary::kAdd) return add_others(heap, a, b);
    if (op == Binary::kMul && repeatable(a)) return repeat(heap, a, b);
    if (op == Binary::kMul && repeatable(b)) return repeat(heap, b, a);
    unsupported(op, a, b);
}

Value negate(Heap& heap, const Value& value) {
    require_defined(value);
    if (value.is(Kind::kFloat)) return Value::floating(-value.as_float());
    if (value.is_integer()) return heap.integer(-value.as_big());
    raise("bad operand type for unary -: '{}'", type_name(value));
}

Value positive(const Value& value) {
    require_defined(value);
    if (value.is(Kind::kBool)) return Value::integer(value.as_int());
    if (value.is_number()) return value;
    raise("bad operand type for unary +: '{}'", type_name(value));
}

std::optional<BigInt> parse_integer(std::string_view text, int base) {
    text = trimmed(text);
    bool negative = false;
    if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
        negative = text[0] == '-';
        text.remove_prefix(1);
    }
    if (text.size() > 2 && text[0] == '0') {
        const char letter = static_cast<char>(std::tolower(static_cast<unsigned char>(text[1])));
        const int written = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
        if (written != 0 && (base == written || base == 0)) {
            base = written;
            text.remove_prefix(text[2] == '_' ? 3 : 2);
        }
    }
    if (base == 0) base = 10;
    const auto digits = without_underscores(text);
    if (!digits || digits->empty()) return std::nullopt;
    BigInt value = 0;
    for (const char c : *digits) {
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'z' ? c - 'a' + 10
                          : c >= 'A' && c <= 'Z' ? c - 'A' + 10
                                                 : 99;
        if (digit >= base) return std::nullopt;
        if (__builtin_mul_overflow(value, BigInt(base), &value) ||
            __builtin_add_overflow(value, BigInt(digit), &value))
            too_large();
    }
    return negative ? -value : value;
}

std::optional<double> parse_float(std::string_view text) {
    text = trimmed(text);
    const auto clean = without_underscores(text);
    if (!clean || clean->empty()) return std::nullopt;
    std::string lower = *clean;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const bool negative = lower[0] == '-';
    std::string_view body = lower;
    if (body[0] == '-' || body[0] == '+') body.remove_prefix(1);
    const double sign = negative ? -1 : 1;
    if (body == "inf" || body == "infinity") return sign * std::numeric_limits<double>::infinity();
    if (body == "nan") return std::numeric_limits<double>::quiet_NaN();
    if (body.empty() || !(std::isdigit(static_cast<unsigned char>(body[0])) || body[0] == '.'))
        return std::nullopt;
    double value = 0;
    const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), value);
    if (end != body.data() + body.size()) return std::nullopt;
    if (error == std::errc::result_out_of_range) value = std::strtod(std::string(body).c_str(), nullptr);
    return sign * value;
}

std::optional<BigInt> truncate_float(double value) {
    if (!(std::fabs(value) < 1.7e38)) return std::nullopt;
    return static_cast<BigInt>(value);
}

}  // namespace airframe::jinja
