// Arrays: what each position demands, split by the `contains` that an item counts for.
#include <algorithm>

#include "airframe/text/json_schema_shape.h"

namespace airframe::schema {

using base::ErrorCode;
using base::Result;
using A = Atom::Kind;
using Op = Formula::Op;

namespace {

constexpr size_t kContainsMax = 3;
constexpr size_t kPositionsMax = 1000;
constexpr size_t kDistinctMax = 64;

// The items of one position: one alternative for each set of `contains` that it may count for.
void add_alternatives(uint32_t position, const Demands& demands, const Conjunction& contains,
                      std::vector<ArrayDraft::Item>& out) {
    for (uint32_t bits = 0; bits < (1u << contains.size()); ++bits) {
        Demands with = demands;
        bool possible = true;
        for (size_t i = 0; i < contains.size(); ++i) {
            const bool counts = ((bits >> i) & 1) != 0;
            if (position >= contains[i]->from) {
                add_demand(with, contains[i]->schema, contains[i]->positive == counts);
            } else {
                possible &= !counts;
            }
        }
        if (possible && !hopeless(with)) out.push_back({std::move(with), bits, 0});
    }
}

}  // namespace

Result<ArrayDraft> ShapeCompiler::array(const Conjunction& atoms) {
    ArrayDraft out;
    Conjunction contains;
    const Atom* unique = nullptr;
    uint32_t last = 0;
    for (const Atom* atom : atoms) {
        if (atom->kind == A::kItems) {
            out.min = std::max(out.min, atom->n);
            out.max = std::min(out.max, atom->m);
        }
        if (atom->kind == A::kItemAt) last = std::max(last, atom->n + 1);
        if (atom->kind == A::kItemsFrom) last = std::max(last, atom->n);
        if (atom->kind == A::kContains) {
            contains.push_back(atom);
            out.contains.emplace_back(atom->n, atom->m);
            last = std::max(last, atom->from);
        }
        if (atom->kind == A::kUnique) unique = atom;
    }
    if (contains.size() > kContainsMax || (contains.size() > 1 && out.max != UINT32_MAX))
        return base::fail(
            ErrorCode::kUnsupported,
            "{}/contains: unsupported keyword 'contains' more than {} times on one array, or twice "
            "beside maxItems",
            document_.path(*contains[0]->owner), kContainsMax);
    if (last > kPositionsMax)
        return base::fail(ErrorCode::kInvalidArgument, "{}: more than {} positions",
                          document_.path(*atoms[0]->owner), kPositionsMax);
    for (uint32_t i = 0; i <= last; ++i) {
        Demands demands;
        for (const Atom* atom : atoms) {
            const bool here =
                (atom->kind == A::kItemAt && atom->n == i) || (atom->kind == A::kItemsFrom && atom->n <= i);
            if (here) add_demand(demands, atom->schema, atom->positive);
        }
        TRY_VOID(budget_.spend(atoms.size() + (1u << contains.size())));
        add_alternatives(i, demands, contains, out.positions.emplace_back());
    }
    if (unique != nullptr) TRY_VOID(make_unique(*unique, out));
    return out;
}

// No two equal: each item of few distinct values is its own alternative, taken once.
Result<void> ShapeCompiler::make_unique(const Atom& unique, ArrayDraft& out) {
    if (out.max <= 1) return {};
    const auto refused = [&] {
        return base::fail(
            ErrorCode::kUnsupported,
            "{}/uniqueItems: unsupported keyword 'uniqueItems' where items are not a few constants",
            document_.path(*unique.owner));
    };
    auto& position = out.positions[0];
    if (out.positions.size() != 1) {
        const bool closed = out.positions.size() == 2 && out.positions[1].empty();  // one item at most
        return closed ? Result<void>{} : refused();
    }
    if (position.empty()) return {};
    if (position.size() != 1 || !out.contains.empty()) return refused();
    const Demands all = position[0].value;
    std::vector<Value> values;
    for (const Type type : {Type::kNull, Type::kFalse, Type::kTrue, Type::kNumber, Type::kString,
                            Type::kArray, Type::kObject}) {
        TRY(const Formula* fits, formula(all, type));
        if (fits->op == Op::kFalse) continue;
        Value value;
        value.kind = static_cast<Value::Kind>(type);
        if (type == Type::kNull || type == Type::kFalse || type == Type::kTrue) {
            values.push_back(value);
            continue;
        }
        if (type != Type::kString) return refused();
        TRY(const Strings strings, scalars_.strings(fits));
        if (strings.dfa.empty()) continue;
        const auto few = texts_if_few(strings.dfa, kDistinctMax);
        if (few.empty() || strings.max != UINT32_MAX) return refused();
        for (const std::string& text : few) values.push_back(string_value(text));
    }
    if (values.size() > kDistinctMax) return refused();
    position.clear();
    for (const Value& value : values) {
        const auto number = static_cast<uint32_t>(position.size()) + 1;
        position.push_back({{{&document_.keep_constant(value, *unique.owner), true}}, 0, number});
    }
    out.max = std::min(out.max, static_cast<uint32_t>(values.size()));
    return {};
}

}  // namespace airframe::schema
