#include "airframe/text/json_schema_formula.h"

#include <algorithm>

#include "airframe/text/json_schema_number.h"

namespace airframe::schema {

using base::ErrorCode;
using base::Result;
using Kind = Value::Kind;
using Op = Formula::Op;
using A = Atom::Kind;
using Made = Result<const Formula*>;

namespace {

bool is_container(Type type) { return type == Type::kArray || type == Type::kObject; }

Type type_of(const Value& value) { return static_cast<Type>(value.kind); }
static_assert(static_cast<int>(Kind::kObject) == static_cast<int>(Type::kObject) &&
              static_cast<int>(Kind::kNumber) == static_cast<int>(Type::kNumber));

bool names_type(std::string_view name, Type type) {
    switch (type) {
        case Type::kNull:
            return name == "null";
        case Type::kFalse:
        case Type::kTrue:
            return name == "boolean";
        case Type::kNumber:
            return name == "number" || name == "integer";
        case Type::kString:
            return name == "string";
        case Type::kArray:
            return name == "array";
        case Type::kObject:
            return name == "object";
    }
    return false;
}

}  // namespace

const FormulaBuilder::Row FormulaBuilder::kRows[] = {
    {"type", &FormulaBuilder::make_type},
    {"enum", &FormulaBuilder::make_enum},
    {"const", &FormulaBuilder::equal},
    {"$ref", &FormulaBuilder::make_ref},
    {"allOf", &FormulaBuilder::make_all},
    {"anyOf", &FormulaBuilder::make_any},
    {"oneOf", &FormulaBuilder::make_one},
    {"not", &FormulaBuilder::make_not},
    {"if", &FormulaBuilder::make_if},
    {"minimum", &FormulaBuilder::make_bound},
    {"maximum", &FormulaBuilder::make_bound},
    {"exclusiveMinimum", &FormulaBuilder::make_bound},
    {"exclusiveMaximum", &FormulaBuilder::make_bound},
    {"multipleOf", &FormulaBuilder::make_multiple},
    {"minLength", &FormulaBuilder::make_length},
    {"maxLength", &FormulaBuilder::make_length},
    {"pattern", &FormulaBuilder::make_text},
    {"format", &FormulaBuilder::make_text},
    {"items", &FormulaBuilder::make_items},
    {"prefixItems", &FormulaBuilder::make_items},
    {"additionalItems", &FormulaBuilder::make_additional_items},
    {"contains", &FormulaBuilder::make_contains},
    {"minItems", &FormulaBuilder::make_length},
    {"maxItems", &FormulaBuilder::make_length},
    {"uniqueItems", &FormulaBuilder::make_unique},
    {"properties", &FormulaBuilder::make_props},
    {"patternProperties", &FormulaBuilder::make_props},
    {"additionalProperties", &FormulaBuilder::make_props},
    {"propertyNames", &FormulaBuilder::make_names},
    {"required", &FormulaBuilder::make_required},
    {"minProperties", &FormulaBuilder::make_length},
    {"maxProperties", &FormulaBuilder::make_length},
    {"dependentRequired", &FormulaBuilder::make_dependent},
    {"dependentSchemas", &FormulaBuilder::make_dependent},
    {"dependencies", &FormulaBuilder::make_dependent},
};

base::Error FormulaBuilder::refused(const Value& owner, std::string_view what) const {
    return {ErrorCode::kUnsupported, fmt::format("{}: {}", document_.path(owner), what), {}, {}};
}

const Formula* FormulaBuilder::constant(bool value) {
    static const Formula kTrue{Op::kTrue, {}, {}}, kFalse{Op::kFalse, {}, {}};
    return value ? &kTrue : &kFalse;
}
const Formula* FormulaBuilder::atom(Atom atom) {
    made_.push_back({Op::kAtom, {}, std::move(atom)});
    return &made_.back();
}
const Formula* FormulaBuilder::all(std::vector<const Formula*> parts) {
    std::erase_if(parts, [](const Formula* f) { return f->op == Op::kTrue; });
    if (parts.empty()) return constant(true);
    if (std::ranges::any_of(parts, [](const Formula* f) { return f->op == Op::kFalse; }))
        return constant(false);
    if (parts.size() == 1) return parts[0];
    made_.push_back({Op::kAnd, std::move(parts), {}});
    return &made_.back();
}
const Formula* FormulaBuilder::any(std::vector<const Formula*> parts) {
    std::erase_if(parts, [](const Formula* f) { return f->op == Op::kFalse; });
    if (parts.empty()) return constant(false);
    if (std::ranges::any_of(parts, [](const Formula* f) { return f->op == Op::kTrue; }))
        return constant(true);
    if (parts.size() == 1) return parts[0];
    made_.push_back({Op::kOr, std::move(parts), {}});
    return &made_.back();
}

Made FormulaBuilder::build(const Demand& demand, Type type) {
    TRY(const Formula* formula, build(*demand.first, type));
    return demand.second ? formula : negated(formula, type);
}

Made FormulaBuilder::build(const Value& schema, Type type) {
    TRY_VOID(budget_.spend(8));
    if (schema.is_bool()) return constant(schema.is(Kind::kTrue));
    if (std::ranges::find(open_, &schema) != open_.end())
        return std::unexpected(base::Error{
            ErrorCode::kInvalidArgument, document_.path(schema) + "/$ref: it leads back to itself", {}, {}});
    if (open_.size() > 200) return std::unexpected(refused(schema, "schemas are nested too deeply"));
    open_.push_back(&schema);
    std::vector<const Formula*> parts;
    Made made = constant(true);
    for (const auto& [key, value] : schema.members) {
        const auto row = std::ranges::find(kRows, key, &Row::keyword);
        if (row == std::end(kRows)) continue;
        made = (this->*row->make)(schema, value, type);
        if (!made) break;
        parts.push_back(*made);
    }
    open_.pop_back();
    if (!made) return made;
    return all(std::move(parts));
}

Made FormulaBuilder::make_type(const Value& schema, const Value& value, Type type) {
    const Value* nullable = schema.find("nullable");
    if (type == Type::kNull && nullable != nullptr && nullable->is(Kind::kTrue)) return constant(true);
    const std::vector<Value> one(1, value);
    const auto& names = value.is(Kind::kArray) ? value.items : one;
    const auto fits = [&](const Value& name) { return names_type(name.text, type); };
    if (type != Type::kNumber) return constant(std::ranges::any_of(names, fits));
    const auto named = [&](const char* name) {
        return std::ranges::any_of(names, [&](const Value& v) { return v.text == name; });
    };
    if (named("number")) return constant(true);
    return named("integer") ? atom({A::kWhole, &schema}) : constant(false);
}

Made FormulaBuilder::equal(const Value& schema, const Value& value, Type type) {
    if (type_of(value) != type) return constant(false);
    std::vector<const Formula*> parts;
    switch (type) {
        case Type::kNumber:
            return atom({.kind = A::kBeside, .owner = &schema, .text = value.text, .n = kEqual});
        case Type::kString:
            return atom({.kind = A::kWord, .owner = &schema, .text = value.text});
        case Type::kArray: {
            const auto size = static_cast<uint32_t>(value.items.size());
            parts.push_back(atom({.kind = A::kItems, .owner = &schema, .n = size, .m = size}));
            for (uint32_t i = 0; i < size; ++i)
                parts.push_back(atom({.kind = A::kItemAt,
                                      .owner = &schema,
                                      .n = i,
                                      .schema = &document_.constant(value.items[i], schema)}));
            return all(std::move(parts));
        }
        case Type::kObject: {
            const auto size = static_cast<uint32_t>(value.members.size());
            parts.push_back(atom({.kind = A::kMembers, .owner = &schema, .n = size, .m = size}));
            for (const auto& [key, member] : value.members) {
                parts.push_back(atom({.kind = A::kHas, .owner = &schema, .text = key}));
                parts.push_back(atom({.kind = A::kMember,
                                      .owner = &schema,
                                      .text = key,
                                      .schema = &document_.constant(member, schema)}));
            }
            return all(std::move(parts));
        }
        default:
            return constant(true);
    }
}

Made FormulaBuilder::make_enum(const Value& schema, const Value& value, Type type) {
    std::vector<const Formula*> parts;
    for (const Value& item : value.items) {
        TRY_VOID(budget_.spend(4));
        TRY(parts.emplace_back(), equal(schema, item, type));
    }
    return any(std::move(parts));
}

Made FormulaBuilder::make_ref(const Value& schema, const Value& value, Type type) {
    TRY(const Value* target, document_.resolve(schema, value.text));
    return build(*target, type);
}

Made FormulaBuilder::make_all(const Value&, const Value& value, Type type) {
    std::vector<const Formula*> parts;
    for (const Value& schema : value.items) {
        TRY(parts.emplace_back(), build(schema, type));
    }
    return all(std::move(parts));
}

Made FormulaBuilder::make_any(const Value&, const Value& value, Type type) {
    std::vector<const Formula*> parts;
    for (const Value& schema : value.items) {
        TRY(parts.emplace_back(), build(schema, type));
    }
    return any(std::move(parts));
}

// Exactly one. For scalars by counting: none so far, one so far. For containers each branch excludes those it
// can overlap with, since their negations are dear.
Made FormulaBuilder::make_one(const Value&, const Value& value, Type type) {
    std::vector<const Formula*> branches;
    for (const Value& schema : value.items) {
        TRY(branches.emplace_back(), build(schema, type));
    }
    std::erase_if(branches, [](const Formula* f) { return f->op == Op::kFalse; });
    if (!is_container(type)) {
        const Formula *none = constant(true), *one = constant(false);
        for (const Formula* branch : branches) {
            TRY(const Formula* other, negated(branch, type));
            one = any({all({one, other}), all({none, branch})});
            none = all({none, other});
        }
        return one;
    }
    std::vector<const Formula*> options;
    for (size_t i = 0; i < branches.size(); ++i) {
        std::vector<const Formula*> parts{branches[i]};
        for (size_t j = 0; j < branches.size(); ++j) {
            if (i == j || disjoint(branches[i], branches[j], type)) continue;
            TRY(parts.emplace_back(), negated(branches[j], type));
        }
        options.push_back(all(std::move(parts)));
    }
    return any(std::move(options));
}

Made FormulaBuilder::make_not(const Value&, const Value& value, Type type) {
    TRY(const Formula* inside, build(value, type));
    return negated(inside, type);
}

Made FormulaBuilder::make_if(const Value& schema, const Value& value, Type type) {
    const Value *then_schema = schema.find("then"), *else_schema = schema.find("else");
    if (then_schema == nullptr && else_schema == nullptr) return constant(true);
    TRY(const Formula* condition, build(value, type));
    const Formula *yes = constant(true), *no = constant(true);
    if (then_schema != nullptr) {
        TRY(yes, build(*then_schema, type));
    }
    if (else_schema != nullptr) {
        TRY(no, build(*else_schema, type));
    }
    if (condition->op == Op::kTrue) return yes;
    TRY(const Formula* otherwise, negated(condition, type));
    return any({all({condition, yes}), all({otherwise, no})});
}

Made FormulaBuilder::make_bound(const Value& schema, const Value& value, Type type) {
    if (type != Type::kNumber || !value.is(Kind::kNumber)) return constant(true);
    const auto key =
        std::ranges::find(schema.members, &value, [](const auto& m) { return &m.second; })->first;
    const bool low = key == "minimum" || key == "exclusiveMinimum";
    const Value* strict = schema.find(low ? "exclusiveMinimum" : "exclusiveMaximum");
    const bool exclusive = key.starts_with("exclusive") || (strict != nullptr && strict->is(Kind::kTrue));
    const uint32_t sides = (low ? kAbove : kBelow) | (exclusive ? 0u : uint32_t{kEqual});
    return atom({.kind = A::kBeside, .owner = &schema, .text = value.text, .n = sides});
}

Made FormulaBuilder::make_multiple(const Value& schema, const Value& value, Type type) {
    if (type != Type::kNumber) return constant(true);
    return atom({.kind = A::kMultiple, .owner = &schema, .text = value.text});
}

Made FormulaBuilder::make_length(const Value& schema, const Value& value, Type type) {
    struct Bound {
        std::string_view suffix;
        Type type;
        A kind;
    };
    constexpr Bound kBounds[] = {{"Length", Type::kString, A::kLength},
                                 {"Items", Type::kArray, A::kItems},
                                 {"Properties", Type::kObject, A::kMembers}};
    const auto key =
        std::ranges::find(schema.members, &value, [](const auto& m) { return &m.second; })->first;
    const auto bound = std::ranges::find_if(kBounds, [&](const Bound& b) { return key.ends_with(b.suffix); });
    const uint32_t count = count_of(value).value_or(0);
    if (bound->type != type) return constant(true);
    Atom out{.kind = bound->kind, .owner = &schema};
    (key.starts_with("min") ? out.n : out.m) = count;
    return atom(std::move(out));
}

Made FormulaBuilder::make_text(const Value& schema, const Value& value, Type type) {
    if (type != Type::kString) return constant(true);
    const bool pattern = schema.find("pattern") == &value;
    return atom({.kind = pattern ? A::kPattern : A::kFormat, .owner = &schema, .text = value.text});
}

}  // namespace airframe::schema
