#include "airframe/text/json_schema_number.h"

#include <algorithm>
#include <charconv>
#include <compare>
#include <map>
#include <optional>

#include "airframe/text/regex_compile.h"

namespace airframe::schema {
namespace {

using base::ErrorCode;
using base::Result;

constexpr int kExponentMax = 400;
constexpr uint64_t kDivisorMax = 20'000;
constexpr int kFractionMax = 20;  // of a number with an exponent

// Where in a number's text a reader stands.
enum class Place : uint8_t { kStart, kMinus, kZero, kFirst, kMore, kDot, kFraction, kE, kSign, kExponent };

std::optional<Place> next_place(Place place, char c) {
    const bool digit = c >= '0' && c <= '9';
    switch (place) {
        case Place::kStart:
            if (c == '-') return Place::kMinus;
            [[fallthrough]];
        case Place::kMinus:
            if (!digit) return std::nullopt;
            return c == '0' ? Place::kZero : Place::kFirst;
        case Place::kZero:
            return c == '.' ? std::optional(Place::kDot) : std::nullopt;
        case Place::kFirst:
        case Place::kMore:
            if (digit) return Place::kMore;
            if (c == '.') return Place::kDot;
            return c == 'e' && place == Place::kFirst ? std::optional(Place::kE) : std::nullopt;
        case Place::kDot:
            return digit ? std::optional(Place::kFraction) : std::nullopt;
        case Place::kFraction:
            if (c == 'e') return Place::kE;
            return digit ? std::optional(place) : std::nullopt;
        case Place::kE:
            if (c == '+' || c == '-') return Place::kSign;
            [[fallthrough]];
        case Place::kSign:
        case Place::kExponent:
            return digit ? std::optional(Place::kExponent) : std::nullopt;
    }
    return std::nullopt;
}

bool may_end(Place place) {
    return place == Place::kZero || place == Place::kFirst || place == Place::kMore ||
           place == Place::kFraction || place == Place::kExponent;
}
bool in_integer(Place place) {
    return place == Place::kZero || place == Place::kFirst || place == Place::kMore;
}

// The automaton of a reader: Reader::State is ordered and has `place`; advance(state, c) keeps the books
// after the place has changed; accepts(state) is asked where a number may end.
template <class Reader>
Result<Dfa> explore(const Reader& reader, Budget& budget) {
    using State = typename Reader::State;
    std::map<State, uint32_t> numbers{{State{}, 0}};
    std::vector<State> order{State{}};
    Dfa dfa;
    for (size_t i = 0; i < order.size(); ++i) {
        const State state = order[i];
        Dfa::State& out = dfa.states.emplace_back();
        out.accepts = may_end(state.place) && reader.accepts(state);
        for (const char c : std::string_view("+-.0123456789Ee")) {
            const auto place = next_place(state.place, c == 'E' ? 'e' : c);
            if (!place) continue;
            State next = state;
            next.place = *place;
            if (!reader.advance(next, c)) continue;
            const auto [it, fresh] = numbers.try_emplace(next, static_cast<uint32_t>(order.size()));
            if (fresh) order.push_back(next);
            const auto code = static_cast<char32_t>(c);
            append_edge(out.edges, {code, code, it->second});
        }
        TRY_VOID(budget.spend(4));
    }
    return combine(dfa, any_text(), DfaOp::kAnd, budget);
}

// The universe itself.
struct UniverseReader {
    struct State {
        Place place = Place::kStart;
        uint8_t decimals = 0, exponent_digits = 0;
        bool sci = true, zero_last = false;
        auto operator<=>(const State&) const = default;
    };
    bool plain;

    bool advance(State& state, char c) const {
        if (state.place == Place::kZero || state.place == Place::kMore) state.sci = false;
        if (state.place == Place::kFraction && state.sci) {
            if (++state.decimals > kFractionMax) state.sci = false;
            state.zero_last = c == '0';
        }
        if (!state.sci) state.decimals = state.zero_last = 0;
        if (state.place == Place::kE) {
            if (plain || !state.sci || state.zero_last) return false;
            state.decimals = 0;
        }
        return state.place != Place::kExponent || ++state.exponent_digits <= 3;
    }
    bool accepts(const State&) const { return true; }
};

struct WholeReader {
    struct State {
        Place place = Place::kStart;
        uint8_t decimals = 0, exponent = 0;
        bool fraction = false, negative = false;
        auto operator<=>(const State&) const = default;
    };
    bool advance(State& state, char c) const {
        if (state.place == Place::kFraction) {
            state.fraction |= c != '0';
            state.decimals = static_cast<uint8_t>(std::min<int>(state.decimals + 1, kFractionMax + 1));
        }
        if (state.place == Place::kSign) state.negative = c == '-';
        if (state.place == Place::kExponent)
            state.exponent =
                static_cast<uint8_t>(std::min(state.exponent * 10 + (c - '0'), kFractionMax + 1));
        return true;
    }
    bool accepts(const State& state) const {
        if (state.place != Place::kExponent) return !state.fraction;
        return state.negative ? state.exponent == 0 && !state.fraction : state.exponent >= state.decimals;
    }
};

// Compares with a bound, digit by digit.
struct BoundReader {
    struct State {
        Place place = Place::kStart;
        bool negative = false, zero = false, exponent_negative = false;
        int8_t order = 0;           // of the digits so far against the bound's
        int8_t exponent_order = 0;  // likewise
        uint16_t at = 0;            // the bound's digit that comes next
        uint16_t integer_digits = 0;
        uint8_t exponent_digits = 0;
        auto operator<=>(const State&) const = default;
    };
    const Decimal& bound;
    int sides;
    std::string small_digits;     // of a bound below 1, with the zeros after its point
    std::string exponent_digits;  // of the bound in scientific notation
    bool exponent_negative = false;

    BoundReader(const Decimal& b, int s) : bound(b), sides(s) {
        if (b.exponent <= 0) small_digits = std::string(static_cast<size_t>(-b.exponent), '0') + b.digits;
        const int exponent = b.exponent - 1;
        exponent_negative = exponent < 0;
        exponent_digits = std::to_string(std::abs(exponent));
        if (exponent == 0) exponent_digits.clear();
    }

    bool advance(State& state, char c) const {
        switch (state.place) {
            case Place::kMinus:
                state.negative = true;
                return true;
            case Place::kZero:
                state.zero = true;
                return true;
            case Place::kFirst:
            case Place::kMore:
                if (state.integer_digits <= std::max(bound.exponent, 0)) ++state.integer_digits;
                digit(state, c, bound.digits);
                return true;
            case Place::kFraction:
                digit(state, c, state.zero ? small_digits : bound.digits);
                return true;
            case Place::kSign:
                state.exponent_negative = c == '-';
                return true;
            case Place::kExponent:
                exponent_digit(state, c);
                return true;
            default:
                return true;
        }
    }
    static void digit(State& state, char c, const std::string& digits) {
        const char other = state.at < digits.size() ? digits[state.at] : '0';
        if (state.at < digits.size()) ++state.at;
        if (state.order == 0 && c != other) state.order = c < other ? -1 : 1;
    }
    void exponent_digit(State& state, char c) const {
        if (c == '0' && state.exponent_digits == 0) return;  // leading zeros
        const size_t at = state.exponent_digits;
        if (at > exponent_digits.size()) return;
        ++state.exponent_digits;
        if (at == exponent_digits.size()) return;  // longer: decided by its length
        const char other = exponent_digits[at];
        if (state.exponent_order == 0 && c != other) state.exponent_order = c < other ? -1 : 1;
    }

    // -1, 0 or 1: the number without its sign against the bound without its sign.
    int magnitude(const State& state) const {
        const auto tail = [&](const std::string& digits) {
            return state.order == 0 && state.at < digits.size() ? -1 : state.order;
        };
        if (state.place == Place::kExponent) {
            if (bound.digits.empty()) return 1;
            const int exponent = exponents(state);
            return exponent != 0 ? exponent : tail(bound.digits);
        }
        if (state.zero) {
            if (bound.exponent > 0) return -1;
            return tail(small_digits);
        }
        if (bound.digits.empty()) return 1;
        if (state.integer_digits != bound.exponent) return state.integer_digits > bound.exponent ? 1 : -1;
        return tail(bound.digits);
    }
    int exponents(const State& state) const {
        const bool zero = state.exponent_digits == 0;
        const bool negative = state.exponent_negative && !zero;
        if (negative != exponent_negative) return negative ? -1 : 1;
        int order = state.exponent_order;
        if (state.exponent_digits != exponent_digits.size())
            order = state.exponent_digits < exponent_digits.size() ? -1 : 1;
        return negative ? -order : order;
    }
    bool accepts(const State& state) const {
        const int size = magnitude(state);
        int order = size;
        if (bound.digits.empty()) {
            order = state.negative ? -size : size;
        } else if (state.negative != bound.negative) {
            order = state.negative ? -1 : 1;
        } else if (state.negative) {
            order = -size;
        }
        const int side = order < 0 ? kBelow : order == 0 ? kEqual : kAbove;
        return (sides & side) != 0;
    }
};

// Whether number x 10^scale is a multiple of `divisor`.
struct MultipleReader {
    struct State {
        Place place = Place::kStart;
        uint32_t rest = 0;         // of all digits so far
        uint32_t scaled_rest = 0;  // of those up to `scale` decimals
        uint16_t decimals = 0;
        uint8_t exponent = 0;
        bool beyond = false;  // a digit that is not zero after `scale` decimals
        bool exponent_negative = false;
        auto operator<=>(const State&) const = default;
    };
    uint64_t divisor;
    int scale;
    bool plain;
    static constexpr int kExponentCap = 60;

    bool advance(State& state, char c) const {
        if (state.place == Place::kE) return !plain;
        if (state.place == Place::kSign) state.exponent_negative = c == '-';
        if (state.place == Place::kExponent)
            state.exponent = static_cast<uint8_t>(std::min(state.exponent * 10 + (c - '0'), kExponentCap));
        if (in_integer(state.place) || state.place == Place::kFraction) digit(state, c);
        return true;
    }
    void digit(State& state, char c) const {
        const bool fraction = state.place == Place::kFraction;
        if (fraction && state.decimals >= scale) state.beyond |= c != '0';
        if (fraction && state.decimals >= (plain ? scale : std::max(scale, kFractionMax) + 1)) return;
        const auto value = static_cast<uint64_t>(c - '0');
        state.rest = static_cast<uint32_t>((state.rest * uint64_t{10} + value) % divisor);
        if (fraction) ++state.decimals;
        if (state.decimals <= scale) state.scaled_rest = state.rest;
    }
    bool accepts(const State& state) const {
        if (state.place != Place::kExponent)
            return !state.beyond && shifted(state.scaled_rest, scale - state.decimals) == 0;
        const int shift =
            (state.exponent_negative ? -state.exponent : state.exponent) + scale - state.decimals;
        return shift >= 0 && shifted(state.rest, shift) == 0;
    }
    uint64_t shifted(uint64_t rest, int by) const {
        for (int i = 0; i < by && rest != 0; ++i) rest = rest * 10 % divisor;
        return rest;
    }
};

}  // namespace

Result<Decimal> parse_decimal(std::string_view text) {
    Decimal out;
    out.negative = text.starts_with('-');
    if (out.negative) text.remove_prefix(1);
    const size_t e = text.find_first_of("eE");
    int64_t exponent = 0;
    if (e != std::string_view::npos) {
        std::string_view power = text.substr(e + 1);
        if (power.starts_with('+')) power.remove_prefix(1);
        const auto [end, failed] = std::from_chars(power.data(), power.data() + power.size(), exponent);
        if (failed != std::errc()) exponent = power.starts_with('-') ? -1'000'000 : 1'000'000;
        text = text.substr(0, e);
    }
    const size_t point = std::min(text.find('.'), text.size());
    std::string digits(text.substr(0, point));
    if (point < text.size()) digits += text.substr(point + 1);
    const size_t zeros = std::min(digits.find_first_not_of('0'), digits.size());
    const size_t last = digits.find_last_not_of('0');
    if (zeros == digits.size()) return Decimal{};
    out.digits = digits.substr(zeros, last + 1 - zeros);
    exponent += static_cast<int64_t>(point) - static_cast<int64_t>(zeros);
    if (exponent > kExponentMax || exponent < -kExponentMax || out.digits.size() > size_t{kExponentMax})
        return base::fail(ErrorCode::kUnsupported, "the number {} is beyond 10^400 or has over 400 digits",
                          text.substr(0, 40));
    out.exponent = static_cast<int32_t>(exponent);
    return out;
}

int compare(const Decimal& a, const Decimal& b) {
    const auto sign = [](const Decimal& d) { return d.digits.empty() ? 0 : d.negative ? -1 : 1; };
    if (sign(a) != sign(b)) return sign(a) < sign(b) ? -1 : 1;
    if (sign(a) == 0) return 0;
    const auto order = a.exponent != b.exponent ? a.exponent <=> b.exponent : a.digits <=> b.digits;
    const int magnitude = order < 0 ? -1 : order > 0 ? 1 : 0;
    return a.negative ? -magnitude : magnitude;
}

Result<Dfa> any_number(Budget& budget) {
    return compile_regex(R"(-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+\-]?[0-9]+)?)", RegexMatch::kWhole, budget);
}

Result<Dfa> number_universe(bool plain, Budget& budget) { return explore(UniverseReader{plain}, budget); }

Result<Dfa> numbers_beside(const Decimal& bound, int sides, Budget& budget) {
    return explore(BoundReader(bound, sides), budget);
}

Result<Dfa> whole_numbers(Budget& budget) { return explore(WholeReader{}, budget); }

Result<Multiples> multiples_of(const Decimal& divisor, Budget& budget) {
    const int size = static_cast<int>(divisor.digits.size());
    const int scale = std::max(size - divisor.exponent, 0);
    uint64_t whole = 0;
    if (divisor.exponent < 18 && size < 18) {
        std::from_chars(divisor.digits.data(), divisor.digits.data() + size, whole);
        for (int i = size; i < divisor.exponent; ++i) whole *= 10;
    }
    if (whole == 0 || whole > kDivisorMax || scale > 40)
        return base::fail(
            ErrorCode::kUnsupported,
            "a divisor of so many digits is not supported; up to {} and its decimal fractions are",
            kDivisorMax);
    // With exponents only where every digit is kept: divisors of a power of ten, and small.
    const bool plain = !(whole <= 8 && 1000 % whole == 0) || scale > 20;
    TRY(Dfa dfa, explore(MultipleReader{whole, scale, plain}, budget));
    return Multiples{std::move(dfa), plain};
}

}  // namespace airframe::schema
