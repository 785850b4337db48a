// Formulas of arrays and objects, and their negations.
#include <algorithm>

#include "airframe/text/json_schema_formula.h"

namespace airframe::schema {

using Kind = Value::Kind;
using Op = Formula::Op;
using A = Atom::Kind;
using Made = base::Result<const Formula*>;

Made FormulaBuilder::make_items(const Value& schema, const Value& value, Type type) {
    if (type != Type::kArray) return constant(true);
    if (!value.is(Kind::kArray)) {
        const Value* prefix = schema.find("prefixItems");
        const auto from = static_cast<uint32_t>(prefix == nullptr ? 0 : prefix->items.size());
        return atom({.kind = A::kItemsFrom, .owner = &schema, .n = from, .schema = &value});
    }
    std::vector<const Formula*> parts;
    for (uint32_t i = 0; i < value.items.size(); ++i)
        parts.push_back(atom({.kind = A::kItemAt, .owner = &schema, .n = i, .schema = &value.items[i]}));
    return all(std::move(parts));
}

Made FormulaBuilder::make_additional_items(const Value& schema, const Value& value, Type type) {
    const Value* items = schema.find("items");
    if (type != Type::kArray || items == nullptr || !items->is(Kind::kArray)) return constant(true);
    return atom({.kind = A::kItemsFrom,
                 .owner = &schema,
                 .n = static_cast<uint32_t>(items->items.size()),
                 .schema = &value});
}

Made FormulaBuilder::make_contains(const Value& schema, const Value& value, Type type) {
    if (type != Type::kArray) return constant(true);
    const Value *min = schema.find("minContains"), *max = schema.find("maxContains");
    const uint32_t least = min == nullptr ? 1 : count_of(*min).value_or(1);
    const uint32_t most = max == nullptr ? UINT32_MAX : count_of(*max).value_or(UINT32_MAX);
    if (least == 0 && most == UINT32_MAX) return constant(true);
    if (least > most) return constant(false);
    return atom({.kind = A::kContains, .owner = &schema, .n = least, .m = most, .schema = &value});
}

Made FormulaBuilder::make_unique(const Value& schema, const Value& value, Type type) {
    if (type != Type::kArray || !value.is(Kind::kTrue)) return constant(true);
    return atom({.kind = A::kUnique, .owner = &schema});
}

// The three keywords speak together: the first of them that the schema has makes the atom.
Made FormulaBuilder::make_props(const Value& schema, const Value& value, Type type) {
    if (type != Type::kObject) return constant(true);
    for (const auto& member : schema.members) {
        const bool ours = member.first == "properties" || member.first == "patternProperties" ||
                          member.first == "additionalProperties";
        if (ours)
            return &member.second == &value ? atom({.kind = A::kProps, .owner = &schema}) : constant(true);
    }
    return constant(true);
}

Made FormulaBuilder::make_names(const Value& schema, const Value& value, Type type) {
    if (type != Type::kObject) return constant(true);
    return atom({.kind = A::kNames, .owner = &schema, .schema = &value});
}

Made FormulaBuilder::make_required(const Value& schema, const Value& value, Type type) {
    if (type != Type::kObject) return constant(true);
    std::vector<const Formula*> parts;
    if (!value.is(Kind::kArray)) return constant(true);
    for (const Value& name : value.items)
        parts.push_back(atom({.kind = A::kHas, .owner = &schema, .text = name.text}));
    return all(std::move(parts));
}

// Each key, if there, brings more keys or a schema with it.
Made FormulaBuilder::make_dependent(const Value& schema, const Value& value, Type type) {
    if (type != Type::kObject) return constant(true);
    std::vector<const Formula*> parts;
    for (const auto& [key, needs] : value.members) {
        Made follow =
            needs.is(Kind::kArray) ? make_required(schema, needs, type) : build({&needs, true}, type);
        if (!follow) return follow;
        if ((*follow)->op == Op::kTrue) continue;
        const Formula* lacks = atom({.kind = A::kLacks, .owner = &schema, .text = key});
        const Formula* has = atom({.kind = A::kHas, .owner = &schema, .text = key});
        parts.push_back(any({lacks, all({has, *follow})}));
    }
    return all(std::move(parts));
}

Made FormulaBuilder::negated(const Formula* formula, Type type) {
    TRY_VOID(budget_.spend(4));
    if (formula->op == Op::kTrue || formula->op == Op::kFalse) return constant(formula->op == Op::kFalse);
    if (type != Type::kArray && type != Type::kObject) {
        made_.push_back({Op::kNot, {formula}, {}});
        return &made_.back();
    }
    if (formula->op == Op::kAtom) return negated_atom(formula->atom);
    std::vector<const Formula*> parts;
    for (const Formula* part : formula->parts) {
        TRY(parts.emplace_back(), negated(part, type));
    }
    return formula->op == Op::kAnd ? any(std::move(parts)) : all(std::move(parts));
}

// The counts that the atom does not allow.
const Formula* FormulaBuilder::outside(Atom counts) {
    std::vector<const Formula*> parts;
    const uint32_t n = counts.n, m = counts.m;
    if (n > 0) {
        counts.n = 0;
        counts.m = n - 1;
        parts.push_back(atom(counts));
    }
    if (m < UINT32_MAX) {
        counts.n = m + 1;
        counts.m = UINT32_MAX;
        parts.push_back(atom(counts));
    }
    return any(std::move(parts));
}

Made FormulaBuilder::negated_atom(const Atom& from) {
    Atom out = from;
    out.positive = !from.positive;
    switch (from.kind) {
        case A::kHas:
        case A::kLacks:
            out.kind = from.kind == A::kHas ? A::kLacks : A::kHas;
            out.positive = true;
            return atom(std::move(out));
        case A::kMembers:
        case A::kItems:
        case A::kContains:
            return outside(from);
        case A::kMember:
            return all(
                {atom({.kind = A::kHas, .owner = from.owner, .text = from.text}), atom(std::move(out))});
        case A::kItemAt:
            return all(
                {atom({.kind = A::kItems, .owner = from.owner, .n = from.n + 1}), atom(std::move(out))});
        case A::kItemsFrom:
            return atom({.kind = A::kContains,
                         .owner = from.owner,
                         .n = 1,
                         .from = from.n,
                         .schema = from.schema,
                         .positive = !from.positive});
        case A::kProps:
            return negated_props(from);
        case A::kUnique:
            return std::unexpected(
                refused(*from.owner, "unsupported keyword 'uniqueItems' inside of a negation"));
        default:
            return std::unexpected(
                refused(*from.owner, "unsupported keyword 'propertyNames' inside of a negation"));
    }
}

Made FormulaBuilder::negated_props(const Atom& from) {
    const auto says_something = [](const Value& schema) {
        return !schema.is(Kind::kTrue) && !(schema.is(Kind::kObject) && schema.members.empty());
    };
    std::vector<const Formula*> parts;
    if (const Value* properties = from.owner->find("properties"))
        for (const auto& [key, schema] : properties->members)
            parts.push_back(
                all({atom({.kind = A::kHas, .owner = from.owner, .text = key}), atom({.kind = A::kMember,
                                                                                      .owner = from.owner,
                                                                                      .text = key,
                                                                                      .schema = &schema,
                                                                                      .positive = false})}));
    bool open = false;
    if (const Value* patterns = from.owner->find("patternProperties"))
        for (const auto& member : patterns->members) open |= says_something(member.second);
    if (const Value* rest = from.owner->find("additionalProperties")) open |= says_something(*rest);
    if (open)
        return std::unexpected(refused(*from.owner,
                                       "unsupported keyword 'additionalProperties' or 'patternProperties' "
                                       "inside of a negation (not, if, oneOf)"));
    return any(std::move(parts));
}

}  // namespace airframe::schema
