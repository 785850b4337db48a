// For tests: schemas by chance, as JSON text, of the kinds that people write.
#pragma once

#include <fmt/format.h>

#include <string>

#include "base/rng.h"

namespace airframe {

class RandomSchema {
  public:
    explicit RandomSchema(uint64_t seed) : rng_(seed) {}

    std::string schema(int depth = 3) {
        const uint64_t kind = rng_.next_below(depth > 0 ? 11 : 7);
        switch (kind) {
            case 0:
                return R"({"type": "boolean"})";
            case 1:
                return R"({"enum": ["red", "green", 12, null, {"a": [1]}]})";
            case 2:
                return fmt::format(R"({{"type": "integer", "minimum": {}, "maximum": {}}})",
                                   -static_cast<int>(rng_.next_below(200)), rng_.next_below(3000));
            case 3:
                return R"({"type": ["number", "null"], "exclusiveMinimum": 0.5})";
            case 4:
            case 5:
                return text();
            case 6:
                return fmt::format(R"({{"const": "é{}\n\"x\""}})", rng_.next_below(9));
            case 7:
                return list(depth);
            case 8:
                return fmt::format(R"({{"anyOf": [{}, {}]}})", schema(depth - 1), schema(depth - 1));
            default:
                return object(depth);
        }
    }

    std::string object(int depth) {
        std::string properties, required;
        const uint64_t n = 1 + rng_.next_below(4);
        for (uint64_t i = 0; i < n; ++i) {
            properties += fmt::format(R"({}"key{}": {})", i > 0 ? ", " : "", i, schema(depth - 1));
            if (rng_.next_below(2) == 0)
                required += fmt::format(R"({}"key{}")", required.empty() ? "" : ", ", i);
        }
        return fmt::format(
            R"({{"type": "object", "properties": {{{}}}, "required": [{}], "additionalProperties": {}}})",
            properties, required, rng_.next_below(4) == 0 ? R"({"type": "integer"})" : "false");
    }

  private:
    std::string text() {
        constexpr const char* kTexts[] = {
            R"({"type": "string"})",
            R"({"type": "string", "minLength": 2, "maxLength": 5})",
            R"({"type": "string", "minLength": 300, "maxLength": 310})",
            R"({"type": "string", "maxLength": 40})",
            R"({"type": "string", "pattern": "^[a-z]{2,4}-[0-9]+$"})",
            R"({"type": "string", "pattern": "^.{3,9}ü$", "maxLength": 8})",
            R"({"type": "string", "format": "date"})",
            R"({"type": "string", "format": "uuid"})",
            R"({"type": "string", "format": "email", "maxLength": 30})",
        };
        return kTexts[rng_.next_below(std::size(kTexts))];
    }
    std::string list(int depth) {
        return fmt::format(R"({{"type": "array", "items": {}, "minItems": {}, "maxItems": {}}})",
                           schema(depth - 1), rng_.next_below(2), 2 + rng_.next_below(3));
    }

    base::Rng rng_;
};

}  // namespace airframe
