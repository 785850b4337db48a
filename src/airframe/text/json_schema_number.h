// Numbers as texts: bounds, multiples and wholeness become automata over digits, exact for bounds of any
// size.
//
// The texts that they decide about are the number *universe*: plain decimals (-12.50) and, as serialisers
// write very large and very small numbers, one digit with up to 20 decimals, the last not zero, and an
// exponent of up to three digits (1e+16, 2.5E-7).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "airframe/text/grammar_budget.h"
#include "airframe/text/grammar_dfa.h"
#include "base/result.h"

namespace airframe::schema {

// 0.DIGITS x 10^exponent; the digits neither begin nor end with 0, and zero has none.
struct Decimal {
    bool negative = false;
    std::string digits;
    int32_t exponent = 0;
};
// REQUIRES: a number of JSON. Errors: kUnsupported beyond 10^±400.
base::Result<Decimal> parse_decimal(std::string_view text);
// -1, 0 or 1.
int compare(const Decimal& a, const Decimal& b);

// Which side of a bound a number may lie on.
enum Side : uint8_t { kBelow = 1, kEqual = 2, kAbove = 4 };

base::Result<Dfa> any_number(Budget& budget);                   // all that JSON's grammar allows
base::Result<Dfa> number_universe(bool plain, Budget& budget);  // plain: without exponents
base::Result<Dfa> numbers_beside(const Decimal& bound, int sides, Budget& budget);
base::Result<Dfa> whole_numbers(Budget& budget);

struct Multiples {
    Dfa dfa;
    bool plain = false;  // nothing is said about texts with an exponent
};
// Errors: kUnsupported where the divisor has too many digits for an automaton.
base::Result<Multiples> multiples_of(const Decimal& divisor, Budget& budget);

}  // namespace airframe::schema
