// JSON Schema to a Grammar: every set of demands that values meet becomes one rule, made once however often
// it is referred to; what nothing can satisfy is taken out at the end, so that no text begun ends in a dead
// end.
#include <algorithm>
#include <deque>
#include <map>

#include "airframe/text/grammar.h"
#include "airframe/text/grammar_nodes.h"
#include "airframe/text/json_schema_shape.h"

namespace airframe {
namespace schema {
namespace {

using base::ErrorCode;
using base::Result;

constexpr size_t kRulesMax = 20'000;

class SchemaCompiler {
  public:
    explicit SchemaCompiler(Document& document, Budget& budget)
        : document_(document),
          budget_(budget),
          builder_(document, budget),
          scalars_(document, budget),
          shapes_(document, builder_, scalars_, budget) {
        builder_.disjoint = [this](const Formula* a, const Formula* b, Type type) {
            return shapes_.disjoint(a, b, type);
        };
    }

    Result<GrammarPtr> compile() {
        Demands root;
        add_demand(root, &document_.root(), true);
        const uint32_t start = rule_of(root);
        while (!queue_.empty()) {
            const auto [demands, index] = queue_.front();
            queue_.pop_front();
            // What has no path yet is over the budget here.
            if (const auto made = make_rule(*demands, index); !made)
                return std::unexpected(demands->empty()
                                           ? made.error()
                                           : document_.error_at(*demands->front().first, "", made.error()));
        }
        find_possible();
        if (!possible_[start])
            return base::fail(ErrorCode::kInvalidArgument, "#: no value satisfies this schema");
        finish();
        grammar_->start = {NodeKey::Kind::kValue, start, 0, 0};
        return grammar_;
    }

  private:
    uint32_t rule_of(const Demands& demands) {
        const auto [it, fresh] = rules_.try_emplace(demands, static_cast<uint32_t>(grammar_->values.size()));
        if (fresh) {
            grammar_->values.emplace_back();
            queue_.emplace_back(&it->first, it->second);
        }
        return it->second;
    }

    uint32_t dfa_of(Dfa dfa) {
        for (uint32_t i = 0; i < grammar_->dfas.size(); ++i)
            if (grammar_->dfas[i] == dfa) return i;
        grammar_->dfas.push_back(std::move(dfa));
        return static_cast<uint32_t>(grammar_->dfas.size() - 1);
    }
    uint32_t strings_of(Strings strings) {
        StringSet set{dfa_of(std::move(strings.dfa)), strings.min, strings.max, {}};
        for (uint32_t i = 0; i < grammar_->strings.size(); ++i) {
            const StringSet& known = grammar_->strings[i];
            if (known.dfa == set.dfa && known.min == set.min && known.max == set.max) return i;
        }
        set.shortest = shortest_ends(grammar_->dfas[set.dfa]);
        grammar_->strings.push_back(std::move(set));
        return static_cast<uint32_t>(grammar_->strings.size() - 1);
    }

    Result<void> make_rule(const Demands& demands, uint32_t index) {
        TRY_VOID(budget_.spend(20));
        if (index > kRulesMax)
            return base::fail(ErrorCode::kInvalidArgument, "#: it comes to more than {} different rules",
                              kRulesMax);
        ValueRule rule;
        if (hopeless(demands)) return {};
        for (const auto& [type, flag] : {std::pair{Type::kNull, &ValueRule::null},
                                         {Type::kTrue, &ValueRule::yes},
                                         {Type::kFalse, &ValueRule::no}}) {
            TRY(const Formula* formula, shapes_.formula(demands, type));
            rule.*flag = formula->op == Formula::Op::kTrue;
        }
        TRY(const Formula* number, shapes_.formula(demands, Type::kNumber));
        if (number->op != Formula::Op::kFalse) {
            TRY(Dfa dfa, scalars_.numbers(number));
            if (!dfa.empty()) rule.number = dfa_of(std::move(dfa));
        }
        TRY(const Formula* string, shapes_.formula(demands, Type::kString));
        if (string->op != Formula::Op::kFalse) {
            TRY(Strings strings, scalars_.strings(string));
            if (!strings.dfa.empty()) rule.string = strings_of(std::move(strings));
        }
        grammar_->values[index] = rule;
        TRY_VOID(make_arrays(demands, index));
        return make_objects(demands, index);
    }

    Result<void> make_arrays(const Demands& demands, uint32_t index) {
        TRY(const Formula* formula, shapes_.formula(demands, Type::kArray));
        TRY(const auto alternatives, shapes_.alternatives(formula));
        for (const Conjunction& atoms : alternatives) {
            TRY(const ArrayDraft draft, shapes_.array(atoms));
            ArrayShape shape;
            shape.min = draft.min;
            shape.max = draft.max;
            for (const auto& [min, max] : draft.contains) shape.contains.push_back({min, max});
            for (const auto& position : draft.positions) {
                auto& items = shape.positions.emplace_back();
                for (const auto& item : position) {
                    TRY_VOID(budget_.spend(4));
                    items.push_back({rule_of(item.value), item.contains, item.unique});
                }
            }
            grammar_->values[index].arrays.push_back(static_cast<uint32_t>(grammar_->arrays.size()));
            grammar_->arrays.push_back(std::move(shape));
        }
        return {};
    }

    Result<void> make_objects(const Demands& demands, uint32_t index) {
        TRY(const Formula* formula, shapes_.formula(demands, Type::kObject));
        TRY(const auto alternatives, shapes_.alternatives(formula));
        for (const Conjunction& atoms : alternatives) {
            TRY(ObjectDraft draft, shapes_.object(atoms));
            ObjectShape shape;
            shape.min = draft.min;
            shape.max = draft.max;
            shape.n_named = static_cast<uint32_t>(draft.named.size());
            for (auto& named : draft.named) {
                TRY_VOID(budget_.spend(4));
                TRY(Dfa key, words(std::span(&named.name, 1), budget_));
                shape.classes.push_back({strings_of({std::move(key)}), rule_of(named.value), named.required});
            }
            for (auto& other : draft.others)
                shape.classes.push_back({strings_of({std::move(other.keys)}), rule_of(other.value), false});
            grammar_->values[index].objects.push_back(static_cast<uint32_t>(grammar_->objects.size()));
            grammar_->objects.push_back(std::move(shape));
        }
        return {};
    }

    // The least set of rules, arrays and objects that have a finite text.
    void find_possible() {
        possible_.assign(grammar_->values.size(), false);
        for (bool changed = true; changed;) {
            changed = false;
            for (size_t i = 0; i < possible_.size(); ++i) {
                if (possible_[i] || !is_possible(grammar_->values[i])) continue;
                possible_[i] = true;
                changed = true;
            }
        }
    }
    bool is_possible(const ValueRule& rule) const {
        return rule.null || rule.yes || rule.no || rule.number != UINT32_MAX || rule.string != UINT32_MAX ||
               std::ranges::any_of(rule.arrays,
                                   [&](uint32_t i) { return is_possible(grammar_->arrays[i]); }) ||
               std::ranges::any_of(rule.objects,
                                   [&](uint32_t i) { return is_possible(grammar_->objects[i]); });
    }
    bool is_possible(const ObjectShape& shape) const {
        uint64_t available = 0, required = 0;
        for (uint32_t i = 0; i < shape.classes.size(); ++i) {
            const KeyClass& keys = shape.classes[i];
            if (!possible_[keys.value]) {
                if (keys.required) return false;
                continue;
            }
            available += i < shape.n_named ? 1 : UINT32_MAX;
            required += keys.required ? 1 : 0;
        }
        return shape.min <= shape.max && required <= shape.max && available >= shape.min;
    }
    uint32_t longest(const ArrayShape& shape) const {
        for (uint32_t i = 0; i < shape.positions.size(); ++i)
            if (std::ranges::none_of(shape.positions[i],
                                     [&](const auto& item) { return possible_[item.value]; }))
                return std::min(i, shape.max);
        return shape.max;
    }
    bool is_possible(const ArrayShape& shape) const {
        const uint32_t max = longest(shape);
        if (shape.min > max) return false;
        for (size_t i = 0; i < shape.contains.size(); ++i) {
            if (shape.contains[i].min == 0) continue;
            const bool possible = !shape.positions.empty() && shape.contains[i].min <= max &&
                                  std::ranges::any_of(shape.positions.back(), [&](const auto& item) {
                                      return possible_[item.value] && ((item.contains >> i) & 1) != 0;
                                  });
            if (!possible) return false;
        }
        if (shape.contains.empty()) return true;
        ArrayShape known = shape;
        known.max = max;
        take_out_impossible(known);
        return has_text(known);
    }
    void take_out_impossible(ArrayShape& shape) const {
        for (auto& position : shape.positions)
            std::erase_if(position, [&](const auto& item) { return !possible_[item.value]; });
    }

    // Takes out what has no text; what is left of a shape does not tell any more whether it had one.
    void finish() {
        std::vector<bool> arrays(grammar_->arrays.size()), objects(grammar_->objects.size());
        for (size_t i = 0; i < arrays.size(); ++i) arrays[i] = is_possible(grammar_->arrays[i]);
        for (size_t i = 0; i < objects.size(); ++i) objects[i] = is_possible(grammar_->objects[i]);
        for (ObjectShape& shape : grammar_->objects) {
            std::vector<KeyClass> kept;
            uint32_t named = 0;
            for (uint32_t i = 0; i < shape.classes.size(); ++i) {
                if (!possible_[shape.classes[i].value]) continue;
                kept.push_back(shape.classes[i]);
                named += i < shape.n_named ? 1 : 0;
            }
            shape.classes = std::move(kept);
            shape.n_named = named;
        }
        for (ArrayShape& shape : grammar_->arrays) {
            shape.max = longest(shape);
            take_out_impossible(shape);
        }
        for (ValueRule& rule : grammar_->values) {
            std::erase_if(rule.arrays, [&](uint32_t i) { return !arrays[i]; });
            std::erase_if(rule.objects, [&](uint32_t i) { return !objects[i]; });
        }
    }

    Document& document_;
    Budget& budget_;
    FormulaBuilder builder_;
    ScalarCompiler scalars_;
    ShapeCompiler shapes_;
    std::shared_ptr<Grammar> grammar_ = std::make_shared<Grammar>();
    std::map<Demands, uint32_t> rules_;
    std::deque<std::pair<const Demands*, uint32_t>> queue_;
    std::vector<bool> possible_;
};

}  // namespace
}  // namespace schema

base::Result<GrammarPtr> compile_json_schema(std::string_view text) {
    TRY(schema::Value value, schema::parse_value(text));
    return compile_json_schema(std::move(value));
}

base::Result<GrammarPtr> compile_json_schema(schema::Value value) {
    Budget budget;
    TRY(const auto document, schema::Document::read(std::move(value), budget));
    return schema::SchemaCompiler(*document, budget).compile();
}

base::Result<GrammarPtr> compile_json_object() { return compile_json_schema(R"({"type": "object"})"); }

}  // namespace airframe
