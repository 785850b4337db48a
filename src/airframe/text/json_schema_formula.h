// Formulas: what a schema says about values of one type, as atoms joined by and, or and not.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "airframe/text/json_schema_document.h"

namespace airframe::schema {

enum class Type : uint8_t { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };

struct Atom {
    enum class Kind : uint8_t {
        kWord,       // string: exactly `text`
        kPattern,    // string: `text` matches somewhere
        kFormat,     // string: format `text`
        kLength,     // string: n to m characters
        kBeside,     // number: on sides n of the bound `text`
        kWhole,      // number
        kMultiple,   // number: of `text`
        kProps,      // object: properties, patternProperties and additionalProperties of `owner`
        kHas,        // object: key `text`
        kLacks,      // object: not the key `text`
        kMembers,    // object: n to m members
        kNames,      // object: each key satisfies schema
        kMember,     // object: the value of key `text`, if there, satisfies schema
        kItemAt,     // array: item n, if there, satisfies schema
        kItemsFrom,  // array: so does each item from n on
        kItems,      // array: n to m items
        kContains,   // array: of the items from `from` on, n to m satisfy schema
        kUnique,     // array: no two items are equal
    };
    Kind kind;
    const Value* owner;  // the schema that says so
    std::string text = {};
    uint32_t n = 0, m = UINT32_MAX, from = 0;
    const Value* schema = nullptr;
    bool positive = true;  // else: does not satisfy schema
};

struct Formula {
    enum class Op : uint8_t { kTrue, kFalse, kAnd, kOr, kNot, kAtom };
    Op op = Op::kTrue;
    std::vector<const Formula*> parts;
    Atom atom{};
};

// A schema to be satisfied, or (false) not to be.
using Demand = std::pair<const Value*, bool>;

class FormulaBuilder {
  public:
    FormulaBuilder(Document& document, Budget& budget) : document_(document), budget_(budget) {}

    // Errors: with the JSON path: a circular $ref, an unsupported negation, the budget's.
    base::Result<const Formula*> build(const Demand& demand, Type type);

    // For oneOf: tells whether no value of the type satisfies both. Set by the compiler, which can know.
    std::function<bool(const Formula*, const Formula*, Type)> disjoint;

    const Formula* all(std::vector<const Formula*> parts);
    const Formula* any(std::vector<const Formula*> parts);
    const Formula* atom(Atom atom);
    base::Result<const Formula*> negated(const Formula* formula, Type type);

  private:
    using Made = base::Result<const Formula*>;
    using Maker = Made (FormulaBuilder::*)(const Value& schema, const Value& value, Type type);
    struct Row {
        std::string_view keyword;
        Maker make;
    };
    static const Row kRows[];

    Made build(const Value& schema, Type type);
    Made equal(const Value& schema, const Value& value, Type type);
    Made make_type(const Value& schema, const Value& value, Type type);
    Made make_enum(const Value& schema, const Value& value, Type type);
    Made make_ref(const Value& schema, const Value& value, Type type);
    Made make_all(const Value& schema, const Value& value, Type type);
    Made make_any(const Value& schema, const Value& value, Type type);
    Made make_one(const Value& schema, const Value& value, Type type);
    Made make_not(const Value& schema, const Value& value, Type type);
    Made make_if(const Value& schema, const Value& value, Type type);
    Made make_bound(const Value& schema, const Value& value, Type type);
    Made make_multiple(const Value& schema, const Value& value, Type type);
    Made make_length(const Value& schema, const Value& value, Type type);
    Made make_text(const Value& schema, const Value& value, Type type);
    Made make_items(const Value& schema, const Value& value, Type type);
    Made make_additional_items(const Value& schema, const Value& value, Type type);
    Made make_contains(const Value& schema, const Value& value, Type type);
    Made make_unique(const Value& schema, const Value& value, Type type);
    Made make_props(const Value& schema, const Value& value, Type type);
    Made make_names(const Value& schema, const Value& value, Type type);
    Made make_required(const Value& schema, const Value& value, Type type);
    Made make_dependent(const Value& schema, const Value& value, Type type);

    Made negated_atom(const Atom& atom);
    Made negated_props(const Atom& atom);
    const Formula* outside(Atom atom);
    const Formula* constant(bool value);
    base::Error refused(const Value& owner, std::string_view what) const;

    Document& document_;
    Budget& budget_;
    std::deque<Formula> made_;
    std::vector<const Value*> open_;  // schemas being built, for the same value
};

}  // namespace airframe::schema
