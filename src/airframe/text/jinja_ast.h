// A parsed template: expressions and statements, owned by their Program in flat stores and joined by plain
// pointers. Immutable once parsed; rendered from any number of threads at once.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "airframe/text/jinja_builtins.h"
#include "airframe/text/jinja_python.h"
#include "airframe/text/jinja_value.h"

namespace airframe::jinja {

struct Expr;
struct Stmt;
using Block = std::vector<const Stmt*>;

enum class ExprKind : uint8_t {
    kConstant,
    kName,
    kTuple,
    kList,
    kDict,       // parts: key, value, key, value, …
    kCondition,  // parts: test, value, other value (may be null)
    kOr,
    kAnd,
    kNot,
    kCompare,  // parts: operands; ops between them
    kBinary,
    kConcat,
    kNegate,
    kPositive,
    kAttribute,  // parts[0].name
    kItem,       // parts[0][parts[1]]
    kSlice,      // parts: object, start, stop, step (each of the last three may be null)
    kCall,       // parts[0](call)
    kFilter,
    kTest,          // parts[0] with native and call; native null: unknown until it runs (`text` is its name)
    kBlockText,     // the body of a filter block or block set, as operand of its filters
    kNamespaceRef,  // target only: name.attribute
};

enum class Comparison : uint8_t {
    kEqual,
    kNotEqual,
    kLess,
    kLessEqual,
    kGreater,
    kGreaterEqual,
    kIn,
    kNotIn
};

struct CallArgs {
    struct Keyword {
        std::string_view name;
        const Expr* value;
    };
    std::vector<const Expr*> positional;
    std::vector<Keyword> named;
    const Expr* rest = nullptr;        // *rest
    const Expr* named_rest = nullptr;  // **named_rest
};

struct Expr {
    ExprKind kind;
    Binary binary = Binary::kAdd;
    uint32_t line = 0;
    NameId name = 0;   // of a variable, or the attribute
    NameId owner = 0;  // of a namespace reference: the variable
    Value constant;
    std::string_view text;  // name of an unknown filter or test
    std::vector<const Expr*> parts;
    std::vector<Comparison> comparisons;
    const CallArgs* call = nullptr;
    const Native* native = nullptr;
};

struct MacroDef {
    std::string_view name;  // empty: the body of a call block
    std::vector<NameId> params;
    std::vector<const Expr*> defaults;  // of the last params
    Block body;
    bool uses_caller = false, uses_kwargs = false, uses_varargs = false;
    bool has_caller_param = false;
    uint32_t line = 0;
};

enum class StmtKind : uint8_t {
    kOutput,
    kIf,
    kFor,
    kSet,
    kSetBlock,
    kMacro,
    kCallBlock,
    kFilterBlock,
    kWith,
    kScope,  // block, generation: the body with variables of its own
    kBreak,
    kContinue,
};

struct Stmt {
    struct Branch {
        const Expr* test;  // null: else
        Block body;
    };
    struct Binding {
        const Expr* target;
        const Expr* value;
    };
    StmtKind kind;
    uint32_t line = 0;
    const Expr* target = nullptr;  // set, for
    const Expr* value =
        nullptr;  // set: the value; for: what is walked; filters of a block; the call of a call block
    const Expr* test = nullptr;      // for … if
    std::vector<const Expr*> parts;  // output
    std::vector<Branch> branches;    // if
    std::vector<Binding> bindings;   // with
    Block body;
    Block otherwise;  // for … else
    const MacroDef* macro = nullptr;
    NameId name = 0;         // macro
    bool recursive = false;  // for
    bool uses_loop = false;  // for: the body names `loop`
};

// Everything the parser can know about a name before it is looked up.
struct Name {
    std::string text;
    MethodSet methods;  // what it means as an attribute of each kind of object
    const Native* global = nullptr;
};

struct Program {
    std::string source;
    Constants constants;
    std::deque<BigInt> big_integers;
    std::deque<Expr> expressions;
    std::deque<Stmt> statements;
    std::deque<CallArgs> calls;
    std::deque<MacroDef> macros;
    std::deque<Name> names;
    std::unordered_map<std::string_view, NameId> name_ids;
    std::deque<std::string> texts;  // names of arguments, filters and tests
    Block body;

    NameId intern(std::string_view text);
    // Names the interpreter itself sets.
    NameId loop_name = 0, caller_name = 0, varargs_name = 0, kwargs_name = 0;
};

}  // namespace airframe::jinja
