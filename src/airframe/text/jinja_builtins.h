// What the language brings along: filters, tests, methods of values and global functions, each a row of a
// table.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "airframe/text/jinja_value.h"

namespace airframe::jinja {

class Machine;

struct NamedArg {
    std::string_view name;
    Value value;
};

struct Args {
    std::span<const Value> positional;
    std::span<const NamedArg> named;
};

// One Value for each parameter of the row; kMissing where the caller gave none.
using Params = std::span<Value>;

struct Native {
    std::string_view name;
    Value (*fixed)(Machine&, Params) = nullptr;
    size_t required = 0;  // how many of the parameters must be given
    std::array<std::string_view, 6> params = {};
    Value (*variadic)(Machine&,
                      const Args&) = nullptr;  // instead of `fixed`: takes the arguments as they come
};

// The first parameter of filters, tests and methods is the value they are applied to. Each: null when
// unknown.
const Native* find_filter(std::string_view name);
const Native* find_test(std::string_view name);
const Native* find_global(std::string_view name);

// Whose methods: one column of a MethodSet.
enum class Owner : uint8_t {
    kStr,
    kList,
    kTuple,
    kDict,
    kInt,
    kFloat,
    kBytes,
    kCycler,
    kLoop,
    kCount,
    kNobody = kCount
};
Owner owner_of(const Value& value);

enum class LoopField : uint8_t {
    kNone,
    kIndex,
    kIndex0,
    kRevindex,
    kRevindex0,
    kFirst,
    kLast,
    kLength,
    kDepth,
    kDepth0,
    kPrevitem,
    kNextitem,
};

// What an attribute name means for each kind of object.
struct MethodSet {
    std::array<const Native*, static_cast<size_t>(Owner::kCount)> methods{};
    LoopField loop_field = LoopField::kNone;
    bool changes_list = false;  // names a method that changes lists or dicts: withheld unless allowed
    bool changes_dict = false;
    bool internal = false;  // __name__: Python's own, always withheld
};
MethodSet methods_named(std::string_view name);

// Filters, tests and methods, where each room keeps its rows.
std::span<const Native> text_filters();
std::span<const Native> markup_filters();
std::span<const Native> sequence_filters();
std::span<const Native> selection_filters();
std::span<const Native> number_filters();
std::span<const Native> str_methods();
std::span<const Native> str_search_methods();
std::span<const Native> container_methods(Owner owner);

}  // namespace airframe::jinja
