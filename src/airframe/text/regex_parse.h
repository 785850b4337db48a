// Regular expressions as a tree: a safe subset of ECMAScript's (Unicode mode). What needs memory of the text
// or looks around (backreferences, lookaround, \b) is refused, with its position.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "airframe/text/regex_classes.h"
#include "base/result.h"

namespace airframe {

struct RegexNode {
    enum class Kind : uint8_t { kSet, kConcat, kAlternatives, kRepeat, kBegin, kEnd };
    static constexpr uint32_t kUnbounded = UINT32_MAX;
    Kind kind = Kind::kConcat;
    CharSet set;                     // kSet
    std::vector<uint32_t> children;  // indices; an empty kConcat is the empty text
    uint32_t min = 0, max = 0;       // kRepeat
};

struct RegexTree {
    std::vector<RegexNode> nodes;
    uint32_t root = 0;
};

// Errors: kInvalidArgument (malformed) or kUnsupported, with the byte position.
base::Result<RegexTree> parse_regex(std::string_view pattern);

}  // namespace airframe
