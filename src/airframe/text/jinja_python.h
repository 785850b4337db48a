// What Python's operators and conversions do to values: the meaning of the template language's expressions.
// All functions throw Failure with Python's own wording. One thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "airframe/text/jinja_value.h"

namespace airframe::jinja {

// ---- text (jinja_print.cpp)
Str to_text(Budget& budget, const Value& value);  // str(value)
Str repr(Budget& budget, const Value& value);
void append_text(TextBuilder& out, Budget& budget, const Value& value);
void append_repr(TextBuilder& out, Budget& budget, const Value& value);
std::string integer_text(BigInt value);
std::string float_text(double value);  // shortest that reads back the same, as Python writes it
// & < > " ' as HTML entities.
Str escape_html(Budget& budget, const Str& text);

// ---- truth, order, membership (jinja_compare.cpp)
bool truthy(const Value& value);
bool equal(Budget& budget, const Value& a, const Value& b);
enum class Order { kLess, kLessEqual, kGreater, kGreaterEqual };
bool ordered(Budget& budget, Order order, const Value& a, const Value& b);
bool contains(Heap& heap, const Value& container, const Value& item);
// len(value), or nothing when it has none.
std::optional<int64_t> length_of(const Value& value);

// ---- arithmetic (jinja_arithmetic.cpp)
enum class Binary { kAdd, kSub, kMul, kDiv, kFloorDiv, kMod, kPow };
Value binary(Heap& heap, Binary op, const Value& a, const Value& b);
Value negate(Heap& heap, const Value& value);
Value positive(const Value& value);
double float_of(const Value& number);  // REQUIRES: is_number()
// int(text) and float(text) as Python reads them, white space around and underscores between digits allowed.
std::optional<BigInt> parse_integer(std::string_view text, int base);
std::optional<double> parse_float(std::string_view text);
// int(float); nothing for NaN, infinities and what takes more than 127 bits.
std::optional<BigInt> truncate_float(double value);

// The error of using an undefined value.
[[noreturn]] void raise_undefined(const Value& value);
inline void require_defined(const Value& value) {
    if (value.is_undefined()) raise_undefined(value);
}

// Walks what Python's iter() walks, one item at a time, over lists as they are now.
class Items {
  public:
    // Errors: "'int' object is not iterable".
    Items(Heap& heap, const Value& source);
    // The next item; nothing at the end.
    std::optional<Value> next();
    // How many there are in all, when the source knows.
    std::optional<int64_t> size() const { return length_of(source_); }

  private:
    Heap* heap_;
    Value source_;
    int64_t at_ = 0;  // item number; of a string: byte offset
};
std::vector<Value> collect(Heap& heap, const Value& source);

}  // namespace airframe::jinja
