#include "airframe/text/json_schema_shape.h"

#include <algorithm>

namespace airframe::schema {

using base::ErrorCode;
using base::Result;
using Op = Formula::Op;
using A = Atom::Kind;
using Kind = Value::Kind;

namespace {

constexpr size_t kAlternativesMax = 1000;
constexpr size_t kFewNames = 64;

bool is_true(const Value& schema) {
    return schema.is(Kind::kTrue) || (schema.is(Kind::kObject) && schema.members.empty());
}

void add_name(ObjectDraft& draft, const std::string& name, bool required) {
    const auto it = std::ranges::find(draft.named, name, &ObjectDraft::Named::name);
    if (it == draft.named.end()) {
        draft.named.push_back({name, {}, required});
    } else {
        it->required |= required;
    }
}

// All keys that are spoken of, in the order as written, and the bounds; false when a key must be and must not
// be.
bool gather(const Conjunction& atoms, ObjectDraft& out, std::vector<std::string>& lacking) {
    for (const Atom* atom : atoms) {
        if (atom->kind == A::kMembers) {
            out.min = std::max(out.min, atom->n);
            out.max = std::min(out.max, atom->m);
        }
        if (atom->kind == A::kMember) add_name(out, atom->text, false);
        if (atom->kind == A::kLacks) lacking.push_back(atom->text);
        const Value* properties = atom->kind == A::kProps ? atom->owner->find("properties") : nullptr;
        if (properties == nullptr) continue;
        for (const auto& member : properties->members) add_name(out, member.first, false);
    }
    for (const Atom* atom : atoms)
        if (atom->kind == A::kHas) add_name(out, atom->text, true);
    for (const std::string& name : lacking) add_name(out, name, false);
    return std::ranges::none_of(out.named, [&](const auto& named) {
        return named.required && std::ranges::find(lacking, named.name) != lacking.end();
    });
}

}  // namespace

void add_demand(Demands& demands, const Value* schema, bool positive) {
    if (positive && is_true(*schema)) return;
    const Demand demand{schema, positive};
    const auto it = std::ranges::lower_bound(demands, demand);
    if (it == demands.end() || *it != demand) demands.insert(it, demand);
}

bool hopeless(const Demands& demands) {
    return std::ranges::any_of(demands, [](const Demand& demand) {
        return demand.second ? demand.first->is(Kind::kFalse) : is_true(*demand.first);
    });
}

Result<const Formula*> ShapeCompiler::formula(const Demands& demands, Type type) {
    std::vector<const Formula*> parts;
    for (const Demand& demand : demands) {
        TRY(parts.emplace_back(), builder_.build(demand, type));
    }
    return builder_.all(std::move(parts));
}

Result<std::vector<Conjunction>> ShapeCompiler::alternatives(const Formula* formula) {
    std::vector<Conjunction> out;
    switch (formula->op) {
        case Op::kTrue:
            return std::vector<Conjunction>(1);
        case Op::kFalse:
        case Op::kNot:
            return out;
        case Op::kAtom:
            return std::vector<Conjunction>{{&formula->atom}};
        case Op::kOr:
            for (const Formula* part : formula->parts) {
                TRY(auto more, alternatives(part));
                std::ranges::move(more, std::back_inserter(out));
            }
            break;
        case Op::kAnd:
            out.emplace_back();
            for (const Formula* part : formula->parts) {
                TRY(const auto choices, alternatives(part));
                std::vector<Conjunction> product;
                for (const Conjunction& left : out) {
                    for (const Conjunction& right : choices) {
                        TRY_VOID(budget_.spend(1 + left.size() + right.size()));
                        product.push_back(left);
                        product.back().insert(product.back().end(), right.begin(), right.end());
                    }
                    if (product.size() > 8 * kAlternativesMax) break;
                }
                out = std::move(product);
            }
            break;
    }
    if (out.size() > kAlternativesMax)
        return base::fail(
            ErrorCode::kUnsupported,
            "#: its combinations of anyOf, oneOf, if and dependent keywords come to more than {} cases",
            kAlternativesMax);
    return out;
}

// The keys that every propertyNames allows.
Result<Dfa> ShapeCompiler::names_allowed(const Conjunction& atoms) {
    Demands demands;
    for (const Atom* atom : atoms)
        if (atom->kind == A::kNames) add_demand(demands, atom->schema, atom->positive);
    if (demands.empty()) return any_text();
    TRY(const Formula* all, formula(demands, Type::kString));
    TRY(Strings names, scalars_.strings(all));
    if (names.min == 0 && names.max == UINT32_MAX) return std::move(names.dfa);
    TRY(const Dfa lengths, text_of_length(names.min, names.max, budget_));
    return combine(names.dfa, lengths, DfaOp::kAnd, budget_);
}

Result<Demands> ShapeCompiler::demands_on(const std::string& name, const Conjunction& atoms) {
    Demands demands;
    for (const Atom* atom : atoms) {
        if (atom->kind == A::kMember && atom->text == name) add_demand(demands, atom->schema, atom->positive);
        if (atom->kind != A::kProps) continue;
        const Value& owner = *atom->owner;
        bool named = false;
        if (const Value* properties = owner.find("properties"))
            if (const Value* schema = properties->find(name)) {
                named = true;
                add_demand(demands, schema, true);
            }
        if (const Value* patterns = owner.find("patternProperties"))
            for (const auto& [pattern, schema] : patterns->members) {
                TRY(const Dfa* keys, scalars_.pattern(pattern, owner));
                if (!keys->accepts(name)) continue;
                named = true;
                add_demand(demands, &schema, true);
            }
        const Value* rest = owner.find("additionalProperties");
        if (!named && rest != nullptr) add_demand(demands, rest, true);
    }
    return demands;
}

// Splits each class of keys into those a pattern matches and those it does not.
Result<void> ShapeCompiler::split_by(const Atom& props, std::vector<ObjectDraft::Others>& others) {
    const Value& owner = *props.owner;
    std::vector<bool> matched(others.size());
    if (const Value* patterns = owner.find("patternProperties")) {
        for (const auto& [pattern, schema] : patterns->members) {
            TRY(const Dfa* keys, scalars_.pattern(pattern, owner));
            std::vector<ObjectDraft::Others> split;
            std::vector<bool> split_matched;
            for (size_t i = 0; i < others.size(); ++i) {
                TRY(Dfa inside, combine(others[i].keys, *keys, DfaOp::kAnd, budget_));
                TRY(Dfa outside, combine(others[i].keys, *keys, DfaOp::kMinus, budget_));
                Demands with = others[i].value;
                add_demand(with, &schema, true);
                if (!inside.empty()) {
                    split.push_back({std::move(inside), std::move(with)});
                    split_matched.push_back(true);
                }
                if (outside.empty()) continue;
                split.push_back({std::move(outside), others[i].value});
                split_matched.push_back(matched[i]);
            }
            others = std::move(split);
            matched = std::move(split_matched);
        }
    }
    if (const Value* rest = owner.find("additionalProperties"))
        for (size_t i = 0; i < others.size(); ++i)
            if (!matched[i]) add_demand(others[i].value, rest, true);
    return {};
}

Result<void> ShapeCompiler::add_others(const Conjunction& atoms, const Dfa& names, ObjectDraft& out) {
    std::vector<std::string> named;
    for (const auto& member : out.named) named.push_back(member.name);
    TRY(const Dfa taken, words(named, budget_));
    TRY(Dfa rest, combine(names, taken, DfaOp::kMinus, budget_));
    std::vector<ObjectDraft::Others> others;
    if (!rest.empty()) others.push_back({std::move(rest), {}});
    for (const Atom* atom : atoms)
        if (atom->kind == A::kProps) TRY_VOID(split_by(*atom, others));
    for (auto& other : others) {
        if (hopeless(other.value)) continue;
        const auto few = texts_if_few(other.keys, kFewNames);
        for (const std::string& name : few) out.named.push_back({name, other.value, false});
        if (few.empty()) out.others.push_back(std::move(other));
    }
    return {};
}

Result<ObjectDraft> ShapeCompiler::object(const Conjunction& atoms) {
    ObjectDraft out;
    std::vector<std::string> lacking;
    const bool possible = gather(atoms, out, lacking) && out.min <= out.max;
    if (!possible) {
        out.max = 0;
        out.min = 1;
        return out;
    }
    TRY(const Dfa names, names_allowed(atoms));
    for (auto& named : out.named) {
        TRY(named.value, demands_on(named.name, atoms));
        const bool forbidden =
            std::ranges::find(lacking, named.name) != lacking.end() || !names.accepts(named.name);
        if (forbidden) add_demand(named.value, &document_.nothing(), true);
    }
    TRY_VOID(add_others(atoms, names, out));
    return out;
}

// --- what cannot be, told at a glance -------------------------------------------------------------------

bool ShapeCompiler::disjoint(const Formula* a, const Formula* b, Type type, int depth) {
    const auto both = alternatives(builder_.all({a, b}));
    if (!both) return false;
    return std::ranges::all_of(*both, [&](const Conjunction& atoms) {
        return type == Type::kObject ? empty_object(atoms, depth) : empty_array(atoms, depth);
    });
}

bool ShapeCompiler::empty(const Demands& demands, int depth) {
    constexpr int kDepthMax = 3;
    if (hopeless(demands)) return true;
    if (demands.size() < 2 || depth >= kDepthMax) return false;
    for (const Type type : {Type::kNull, Type::kFalse, Type::kTrue, Type::kNumber, Type::kString,
                            Type::kArray, Type::kObject}) {
        const auto all = formula(demands, type);
        if (!all) return false;
        if ((*all)->op == Op::kFalse) continue;
        if (type == Type::kNumber) {
            const auto numbers = scalars_.numbers(*all);
            if (numbers && numbers->empty()) continue;
        } else if (type == Type::kString) {
            const auto strings = scalars_.strings(*all);
            if (strings && strings->dfa.empty()) continue;
        } else if (type == Type::kArray || type == Type::kObject) {
            if (disjoint(*all, *all, type, depth + 1)) continue;
        }
        return false;
    }
    return true;
}

bool ShapeCompiler::empty_object(const Conjunction& atoms, int depth) {
    ObjectDraft draft;
    std::vector<std::string> lacking;
    if (!gather(atoms, draft, lacking) || draft.min > draft.max) return true;
    for (const auto& named : draft.named) {
        if (!named.required) continue;
        const auto demands = demands_on(named.name, atoms);
        if (demands && empty(*demands, depth)) return true;
    }
    return false;
}

bool ShapeCompiler::empty_array(const Conjunction& atoms, int) {
    uint32_t min = 0, max = UINT32_MAX;
    for (const Atom* atom : atoms) {
        if (atom->kind != A::kItems) continue;
        min = std::max(min, atom->n);
        max = std::min(max, atom->m);
    }
    return min > max;
}

}  // namespace airframe::schema
