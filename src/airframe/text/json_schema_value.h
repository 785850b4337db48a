// SchemaValue: a JSON text as the schema compiler needs it: keys in their order, numbers as they are written,
// so that bounds and constants of any size stay exact.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace airframe::schema {

struct Value {
    enum class Kind : uint8_t { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };
    Kind kind = Kind::kNull;
    std::string text;  // of a string, decoded; of a number, as written
    std::vector<Value> items;
    std::vector<std::pair<std::string, Value>> members;  // in order; no key twice

    // Defined where the type is complete: its members are of its own kind.
    Value();
    Value(const Value& other);
    Value(Value&& other) noexcept;
    Value& operator=(const Value& other);
    Value& operator=(Value&& other) noexcept;
    ~Value();

    bool is(Kind other) const { return kind == other; }
    bool is_bool() const { return kind == Kind::kFalse || kind == Kind::kTrue; }
    const Value* find(std::string_view key) const;
};

Value string_value(std::string text);

// Errors: kInvalidArgument with the byte where it went wrong: malformed, a key twice, a lone surrogate, more
// than 100 levels, bytes that are no UTF-8.
base::Result<Value> parse_value(std::string_view json);

}  // namespace airframe::schema
