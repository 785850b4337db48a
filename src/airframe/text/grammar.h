// Grammar: what a text must be, compiled: the one form that GBNF, regular expressions, choices and JSON
// Schema become. Immutable, any thread; grammar_machine.h walks it byte by byte.
//
//   TRY(auto grammar, compile_json_schema(text));
//   GrammarMachine machine(grammar, {});
//   machine.accepts(R"({"a": 1})");
//
// Errors of all compilers: kInvalidArgument and kUnsupported, saying where (JSON path, line and column, or
// position) and what; a grammar over the budget is one too. What is returned always has an accepted text.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "airframe/text/grammar_dfa.h"
#include "airframe/text/json_schema_value.h"
#include "base/result.h"

namespace airframe {

// A place in the automaton: what kind of rule, which one, and where in it. grammar_nodes.cpp gives each kind
// its edges.
struct NodeKey {
    enum class Kind : uint8_t {
        kEnd,       // the whole text ends
        kUnknown,   // whatever comes after the part of a text that is looked at alone
        kDone,      // a rule ends
        kByte,      // rule: a node of `bytes`
        kText,      // rule: a Dfa, state: its state; characters as UTF-8
        kQuote,     // rule: a StringSet: the opening quote
        kString,    // state: of the StringSet's Dfa, count: characters so far
        kEscape,    // the same after a backslash
        kPartial,   // rule: a partial character (grammar_nodes.h)
        kLowSlash,  // rule: likewise; the backslash before a low surrogate
        kLowU,      // … and the u
        kWord,      // rule: a fixed word, state: position
        kValue,     // rule: a ValueRule
        kObject,    // rule: an ObjectShape; state: phase and class, count: what has been seen
        kArray,     // rule: an ArrayShape; likewise
        kSpace,     // count: characters of indentation
    };
    Kind kind = Kind::kDone;
    uint32_t rule = 0, state = 0, count = 0;
    friend bool operator==(const NodeKey&, const NodeKey&) = default;
};

// Strings of JSON: the characters between the quotes are a text of `dfa`, of `min` to `max` characters.
struct StringSet {
    uint32_t dfa = 0;
    uint32_t min = 0, max = UINT32_MAX;
    std::vector<uint32_t> shortest;  // by state of dfa: characters to an accepted text
};

// The keys of an object that share a rule for their values.
struct KeyClass {
    uint32_t keys = 0;   // a StringSet
    uint32_t value = 0;  // a ValueRule
    bool required = false;
};
struct ObjectShape {
    std::vector<KeyClass> classes;  // disjoint; the first n_named are one key each, in the order as written
    uint32_t n_named = 0;
    uint32_t min = 0, max = UINT32_MAX;  // members
};

struct ArrayShape {
    // Of one position: an item of `value`, which counts for the `contains` whose bits are set, and which is
    // the distinct value `unique` - 1.
    struct Item {
        uint32_t value = 0;
        uint32_t contains = 0;
        uint32_t unique = 0;
    };
    struct Contains {
        uint32_t min = 1, max = UINT32_MAX;
    };
    std::vector<std::vector<Item>> positions;  // the last one repeats
    std::vector<Contains> contains;
    uint32_t min = 0, max = UINT32_MAX;  // items
};

struct ValueRule {
    bool null = false, yes = false, no = false;
    uint32_t number = UINT32_MAX;  // a Dfa
    uint32_t string = UINT32_MAX;  // a StringSet
    std::vector<uint32_t> arrays, objects;
    bool python = false;  // null, true and false as Python writes them
};

// A node of the automaton: of a grammar written byte by byte (GBNF), or made from rules on demand.
// Nondeterministic.
struct ByteNode {
    struct Edge {
        uint8_t lo, hi;
        uint32_t target;
    };
    struct Call {
        uint32_t callee, after;
    };
    // A text of another rule of the grammar, then on from a node of `bytes`.
    struct Use {
        NodeKey rule;
        uint32_t after;
    };
    std::vector<Edge> edges;
    std::vector<Call> calls;
    std::vector<Use> uses;  // of a Grammar's nodes only
    bool accepts = false;
};

struct Grammar {
    NodeKey start;
    std::vector<Dfa> dfas;
    std::vector<StringSet> strings;
    std::vector<ValueRule> values;
    std::vector<ObjectShape> objects;
    std::vector<ArrayShape> arrays;
    std::vector<ByteNode> bytes;
};

using GrammarPtr = std::shared_ptr<const Grammar>;

base::Result<GrammarPtr> compile_gbnf(std::string_view text);
base::Result<GrammarPtr> compile_regex_grammar(std::string_view pattern);  // the whole text matches
base::Result<GrammarPtr> compile_choice(std::span<const std::string> choices);
base::Result<GrammarPtr> compile_json_schema(std::string_view text);
base::Result<GrammarPtr> compile_json_schema(schema::Value schema);
base::Result<GrammarPtr> compile_json_object();  // JSON mode: any object

}  // namespace airframe
