// Formatting by pattern: Python's "%" operator and str.format, over one description of a field.
#pragma once

#include <string_view>

#include "airframe/text/jinja_python.h"

namespace airframe::jinja {

struct Args;

// How one field is to be written. Widths and precisions count characters.
struct FieldSpec {
    std::u32string_view fill = U" ";
    char align = 0;  // '<' '>' '^' '=', or 0: by the kind of value
    char sign = 0;   // '+', '-' or ' ', or 0: not given, as '-'
    bool alternate = false;
    int64_t width = 0;
    char grouping = 0;  // ',' or '_'
    int64_t precision = -1;
    char type = 0;
};

void append_integer(TextBuilder& out, BigInt value, const FieldSpec& spec);
void append_float(TextBuilder& out, double value, const FieldSpec& spec);
void append_padded(TextBuilder& out, Budget& budget, const Str& text, const FieldSpec& spec);

// pattern % value
Value format_percent(Heap& heap, const Value& pattern, const Value& value);

// "{0} {name!r:>10}".format(...), with `look_up` for what stands behind a dot or in brackets.
class Machine;
Value format_braces(Machine& machine, const Value& pattern, const Args& args);

// Parses what stands behind the colon of a replacement field. Errors: "Invalid format specifier".
FieldSpec parse_field_spec(std::u32string_view text);

}  // namespace airframe::jinja
