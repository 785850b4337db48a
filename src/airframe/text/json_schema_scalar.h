// Formulas of strings and numbers as automata.
#pragma once

#include <map>
#include <unordered_map>

#include "airframe/text/grammar_dfa.h"
#include "airframe/text/json_schema_formula.h"

namespace airframe::schema {

// A set of strings: those of `dfa` with `min` to `max` characters; the shortest paths are exact for `max`,
// and `min` is above 0 only where any longer text can follow.
struct Strings {
    Dfa dfa;
    uint32_t min = 0, max = UINT32_MAX;
};

class ScalarCompiler {
  public:
    ScalarCompiler(Document& document, Budget& budget) : document_(document), budget_(budget) {}

    base::Result<Strings> strings(const Formula* formula);
    base::Result<Dfa> numbers(const Formula* formula);
    // The keys that a pattern of patternProperties matches.
    base::Result<const Dfa*> pattern(const std::string& text, const Value& owner);

  private:
    base::Result<Strings> make_strings(const Formula* formula);
    base::Result<Dfa> evaluate(const Formula* formula, const Dfa& universe);
    base::Result<Dfa> evaluate_parts(const Formula* formula, const Dfa& universe);
    base::Result<Dfa> atom(const Atom& atom);
    base::Result<Dfa> format(const Atom& atom);
    base::Result<bool> needs_plain(const Formula* formula);

    Document& document_;
    Budget& budget_;
    std::map<std::string, Dfa> patterns_, formats_, numbers_;
    std::unordered_map<const Formula*, Dfa> known_;
    std::map<std::string, Strings> strings_;
};

}  // namespace airframe::schema
