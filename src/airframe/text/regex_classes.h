// Character classes of regular expressions: sets of Unicode characters as sorted ranges.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "airframe/text/grammar_dfa.h"

namespace airframe {

using CharSet = std::vector<CharRange>;

// Sorted, disjoint, without surrogates.
CharSet normalized(CharSet set);
CharSet inverted(const CharSet& set);  // REQUIRES: normalized

// \d \w \s and their upper-case complements, as ECMAScript defines them; nothing for another letter.
std::optional<CharSet> class_of_letter(char letter);
// \p{NAME}: a general category, by its short or long name; nothing for another name.
std::optional<CharSet> class_of_property(std::string_view name);

}  // namespace airframe
