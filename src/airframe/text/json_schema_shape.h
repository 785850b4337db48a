// Shapes: what a formula about objects or arrays comes to: alternatives, each with the demands on every
// member or item.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "airframe/text/json_schema_formula.h"
#include "airframe/text/json_schema_scalar.h"

namespace airframe::schema {

using Demands = std::vector<Demand>;  // sorted, each once; all of them at the same time
void add_demand(Demands& demands, const Value* schema, bool positive);
// Nothing can satisfy them, as far as a glance tells.
bool hopeless(const Demands& demands);

struct ObjectDraft {
    struct Named {
        std::string name;
        Demands value;
        bool required = false;
    };
    struct Others {
        Dfa keys;
        Demands value;
    };
    std::vector<Named> named;    // in the order as written
    std::vector<Others> others;  // disjoint, and without the named ones
    uint32_t min = 0, max = UINT32_MAX;
};

struct ArrayDraft {
    struct Item {
        Demands value;
        uint32_t contains = 0, unique = 0;
    };
    std::vector<std::vector<Item>> positions;  // the last one repeats
    std::vector<std::pair<uint32_t, uint32_t>> contains;
    uint32_t min = 0, max = UINT32_MAX;
};

using Conjunction = std::vector<const Atom*>;

class ShapeCompiler {
  public:
    ShapeCompiler(Document& document, FormulaBuilder& builder, ScalarCompiler& scalars, Budget& budget)
        : document_(document), builder_(builder), scalars_(scalars), budget_(budget) {}

    base::Result<std::vector<Conjunction>> alternatives(const Formula* formula);
    base::Result<ObjectDraft> object(const Conjunction& atoms);
    base::Result<ArrayDraft> array(const Conjunction& atoms);
    // All demands as one formula.
    base::Result<const Formula*> formula(const Demands& demands, Type type);
    // True only where nothing satisfies both; looks a few levels deep.
    bool disjoint(const Formula* a, const Formula* b, Type type, int depth = 0);

  private:
    base::Result<Dfa> names_allowed(const Conjunction& atoms);
    base::Result<Demands> demands_on(const std::string& name, const Conjunction& atoms);
    base::Result<void> add_others(const Conjunction& atoms, const Dfa& names, ObjectDraft& out);
    base::Result<void> split_by(const Atom& props, std::vector<ObjectDraft::Others>& others);
    base::Result<void> make_unique(const Atom& unique, ArrayDraft& out);
    bool empty(const Demands& demands, int depth);
    bool empty_object(const Conjunction& atoms, int depth);
    bool empty_array(const Conjunction& atoms, int depth);

    Document& document_;
    FormulaBuilder& builder_;
    ScalarCompiler& scalars_;
    Budget& budget_;
};

}  // namespace airframe::schema
