#include "airframe/text/json_schema_scalar.h"

#include <algorithm>

#include "airframe/text/json_schema_keywords.h"
#include "airframe/text/json_schema_number.h"
#include "airframe/text/regex_compile.h"

namespace airframe::schema {

using base::Result;
using Op = Formula::Op;
using A = Atom::Kind;

namespace {

void take_bounds(const Atom& atom, Strings& out) {
    if (atom.kind == A::kLength) {
        out.min = std::max(out.min, atom.n);
        out.max = std::min(out.max, atom.m);
    }
}

constexpr size_t kDescriptionMax = 4096;  // bytes; longer formulas are not kept

// Equal for formulas that say the same in the same words.
void describe(const Formula& formula, std::string& out) {
    if (out.size() > kDescriptionMax) return;
    const Atom& atom = formula.atom;
    out += fmt::format("{}({},{},{},{}:{}", static_cast<int>(formula.op), static_cast<int>(atom.kind), atom.n,
                       atom.m, atom.text.size(), atom.text);
    for (const Formula* part : formula.parts) describe(*part, out);
    out += ')';
}

}  // namespace

Result<const Dfa*> ScalarCompiler::pattern(const std::string& text, const Value& owner) {
    const auto it = patterns_.find(text);
    if (it != patterns_.end()) return &it->second;
    auto dfa = compile_regex(text, RegexMatch::kSearch, budget_);
    if (!dfa) return std::unexpected(document_.error_at(owner, "pattern", dfa.error()));
    return &patterns_.emplace(text, *std::move(dfa)).first->second;
}

Result<Dfa> ScalarCompiler::format(const Atom& atom) {
    const Format* format = find_format(atom.text);
    if (format == nullptr) return any_text();
    const auto it = formats_.find(atom.text);
    if (it != formats_.end()) return it->second;
    TRY(Dfa dfa, compile_regex(format->pattern, RegexMatch::kWhole, budget_));
    return formats_.emplace(atom.text, std::move(dfa)).first->second;
}

Result<Dfa> ScalarCompiler::atom(const Atom& atom) {
    const auto placed = [&](std::string_view keyword, Result<Dfa> result) -> Result<Dfa> {
        if (!result) return std::unexpected(document_.error_at(*atom.owner, keyword, result.error()));
        return result;
    };
    switch (atom.kind) {
        case A::kWord:
            return words(std::span(&atom.text, 1), budget_);
        case A::kPattern: {
            TRY(const Dfa* dfa, pattern(atom.text, *atom.owner));
            return *dfa;
        }
        case A::kFormat:
            return placed("format", format(atom));
        case A::kLength:
            return placed("maxLength", text_of_length(atom.n, atom.m, budget_));
        case A::kWhole:
            return whole_numbers(budget_);
        default:
            break;
    }
    const char* keyword = atom.kind == A::kMultiple ? "multipleOf" : "";
    auto decimal = parse_decimal(atom.text);
    if (!decimal) return std::unexpected(document_.error_at(*atom.owner, keyword, decimal.error()));
    if (atom.kind == A::kBeside) return numbers_beside(*decimal, static_cast<int>(atom.n), budget_);
    auto multiples = multiples_of(*decimal, budget_);
    if (!multiples) return std::unexpected(document_.error_at(*atom.owner, keyword, multiples.error()));
    return std::move(multiples->dfa);
}

Result<Dfa> ScalarCompiler::evaluate(const Formula* formula, const Dfa& universe) {
    if (formula->op == Op::kTrue) return universe;
    if (formula->op == Op::kFalse) return Dfa{};
    const auto known = known_.find(formula);
    if (known != known_.end()) return known->second;
    Result<Dfa> out = formula->op == Op::kAtom ? atom(formula->atom) : evaluate_parts(formula, universe);
    if (!out) return out;
    TRY(Dfa inside, combine(*out, universe, DfaOp::kAnd, budget_));
    known_.emplace(formula, inside);
    return inside;
}

Result<Dfa> ScalarCompiler::evaluate_parts(const Formula* formula, const Dfa& universe) {
    if (formula->op == Op::kNot) {
        TRY(const Dfa inside, evaluate(formula->parts[0], universe));
        return combine(universe, inside, DfaOp::kMinus, budget_);
    }
    const bool any = formula->op == Op::kOr;
    Dfa out = any ? Dfa{} : universe;
    std::vector<std::string> constants;  // many words make one automaton at once
    for (const Formula* part : formula->parts) {
        if (any && part->op == Op::kAtom && part->atom.kind == A::kWord) {
            constants.push_back(part->atom.text);
            continue;
        }
        TRY(const Dfa next, evaluate(part, universe));
        TRY(out, combine(out, next, any ? DfaOp::kOr : DfaOp::kAnd, budget_));
    }
    if (constants.empty()) return out;
    TRY(const Dfa fixed, words(constants, budget_));
    return combine(out, fixed, DfaOp::kOr, budget_);
}

// Bounds that stand alone at the top are counted while the text is written; the others become states.
Result<Strings> ScalarCompiler::make_strings(const Formula* formula) {
    Strings out;
    Formula rest{Op::kAnd, {}, {}};
    const std::vector<const Formula*> lone{formula};
    std::vector<const Formula*> work = lone;
    for (size_t i = 0; i < work.size(); ++i) {
        const Formula* part = work[i];
        if (part->op == Op::kAnd) {
            work.insert(work.end(), part->parts.begin(), part->parts.end());
            continue;
        }
        if (part->op == Op::kAtom) take_bounds(part->atom, out);
        if (part->op != Op::kAtom || part->atom.kind != A::kLength) rest.parts.push_back(part);
    }
    const Dfa all = any_text();
    TRY(out.dfa, evaluate_parts(&rest, all));
    if (out.min > out.max) out.dfa = {};
    if (out.dfa.empty()) return out;
    if (out.max >= longest_text(out.dfa)) out.max = UINT32_MAX;
    if (out.min > 0 && !(out.dfa == all)) {
        TRY(const Dfa long_enough, text_of_length(out.min, UINT32_MAX, budget_));
        TRY(out.dfa, combine(out.dfa, long_enough, DfaOp::kAnd, budget_));
        out.min = 0;
    }
    if (!out.dfa.empty() && shortest_ends(out.dfa)[0] > out.max) out.dfa = {};
    return out;
}

// Many properties of one format are usual.
Result<Strings> ScalarCompiler::strings(const Formula* formula) {
    std::string text;
    describe(*formula, text);
    const auto known = strings_.find(text);
    if (known != strings_.end()) return known->second;
    TRY(Strings made, make_strings(formula));
    if (text.size() <= kDescriptionMax) strings_.emplace(std::move(text), made);
    return made;
}

Result<bool> ScalarCompiler::needs_plain(const Formula* formula) {
    if (formula->op == Op::kAtom && formula->atom.kind == A::kMultiple) {
        auto decimal = parse_decimal(formula->atom.text);
        if (!decimal)
            return std::unexpected(document_.error_at(*formula->atom.owner, "multipleOf", decimal.error()));
        auto multiples = multiples_of(*decimal, budget_);
        if (!multiples)
            return std::unexpected(document_.error_at(*formula->atom.owner, "multipleOf", multiples.error()));
        return multiples->plain;
    }
    for (const Formula* part : formula->parts) {
        TRY(const bool plain, needs_plain(part));
        if (plain) return true;
    }
    return false;
}

Result<Dfa> ScalarCompiler::numbers(const Formula* formula) {
    if (formula->op == Op::kTrue) return any_number(budget_);
    // Many properties with the same bounds are usual, and bounds with many digits cost much.
    std::string text;
    describe(*formula, text);
    const auto known = numbers_.find(text);
    if (known != numbers_.end()) return known->second;
    TRY(const bool plain, needs_plain(formula));
    TRY(const Dfa universe, number_universe(plain, budget_));
    TRY(Dfa dfa, evaluate(formula, universe));
    if (text.size() <= kDescriptionMax) numbers_.emplace(std::move(text), dfa);
    return dfa;
}

}  // namespace airframe::schema
