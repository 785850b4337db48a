// Regular expressions to automata.
#pragma once

#include <string_view>

#include "airframe/text/grammar_budget.h"
#include "airframe/text/grammar_dfa.h"
#include "base/result.h"

namespace airframe {

enum class RegexMatch : uint8_t {
    kWhole,  // the expression matches the text from its first to its last character
    kSearch  // it matches somewhere, as JSON Schema's `pattern` does
};

// The texts that the expression matches. Errors: kInvalidArgument and kUnsupported, with the position; the
// budget's.
base::Result<Dfa> compile_regex(std::string_view pattern, RegexMatch match, Budget& budget);

}  // namespace airframe
