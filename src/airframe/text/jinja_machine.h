// The interpreter: runs one Program once, over variables given as JSON, within one Budget. One thread.
//
// Variables live in scopes: the root (top-level `set`, macros), and a chain of inner ones for loop bodies,
// macros, `with` and blocks; `if` makes none. Behind them stand the variables given from outside, then the
// global functions.
#pragma once

#include <boost/json.hpp>

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "airframe/text/jinja.h"
#include "airframe/text/jinja_ast.h"

namespace airframe::jinja {

struct Scope {
    std::vector<std::pair<NameId, Value>> variables;
    Scope* parent = nullptr;
    bool captured = false;  // a macro refers to it: it must not be used again
};

struct Macro {
    const MacroDef* definition;
    Scope* scope;  // where it was defined; null: the root
};

// A for loop in progress, and what templates see as `loop`.
struct Loop {
    Machine* machine;
    const Stmt* statement;
    Scope* outer;
    Value source;
    Items items;
    int64_t depth0 = 0;
    int64_t index0 = -1;
    std::optional<int64_t> length = {};
    std::optional<Value> ahead = {};  // read before its turn
    Value previous = {}, current = {};
    std::optional<std::vector<Value>> last_changed = {};
};
int64_t loop_length(Loop& loop);
std::string loop_text(Loop& loop);
std::string macro_label(const Macro& macro);

class Machine {
  public:
    Machine(const Program& program, const boost::json::object& variables, const RenderOptions& options,
            Budget& budget);

    Rendered run();
    uint32_t line() const { return line_; }  // being executed: where a failure happened

    // ---- for the built-in functions
    Heap& heap() { return heap_; }
    Budget& budget() { return heap_.budget(); }
    const RenderOptions& options() const { return options_; }
    Value call(const Value& callee, const Args& args);
    Value apply(const Native& native, const Args& args);
    // What Python's getattr finds, less what the sandbox withholds; kMissing when nothing.
    Value member(const Value& object, std::string_view name);
    Value item(const Value& object, const Value& key);
    Value undefined(Undefined why) { return Value::undefined(heap_.make(std::move(why))); }
    Value undefined_hint(std::string_view hint) { return undefined({.hint = hint}); }

    // ---- for `loop`
    std::optional<Value> pull(Loop& loop);  // the next item that passes the loop's filter
    Value recurse(Loop& loop, const Value& items);

  private:
    enum class Flow : uint8_t { kNext, kBreak, kContinue };
    class Capture;  // output goes to a builder of its own

    // ---- statements (jinja_machine.cpp, jinja_loop.cpp)
    Flow run_block(const Block& block);
    Flow run_statement(const Stmt& statement);
    Flow run_if(const Stmt& statement);
    void run_output(const Stmt& statement);
    void run_set(const Stmt& statement);
    Flow run_captured(const Stmt& statement);  // set block, filter block
    void run_call_block(const Stmt& statement);
    Flow run_with(const Stmt& statement);
    Flow run_scoped(const Block& block);
    Flow run_loop(const Stmt& statement, const Value& source, Scope* outer, int64_t depth0);
    Flow run_iterations(Loop& loop);

    // ---- variables
    Value look_up(NameId name);
    void assign(const Expr& target, Value value);
    void assign_items(const Expr& target, const Value& value);
    void set_variable(NameId name, Value value);
    Scope* open_scope(Scope* parent);
    void close_scope(Scope* scope);
    Value make_macro(const MacroDef& definition);

    // ---- expressions (jinja_machine_expr.cpp)
    Value eval(const Expr& expr);
    Value eval_condition(const Expr& expr);
    Value eval_sequence(const Expr& expr);
    Value eval_dict(const Expr& expr);
    Value eval_compare(const Expr& expr);
    bool compare(Comparison comparison, const Value& left, const Value& right);
    Value eval_concat(const Expr& expr);
    Value eval_slice(const Expr& expr);
    Value eval_call(const Expr& expr);
    Value eval_filter(const Expr& expr);
    Value eval_test(const Expr& expr);
    struct Arguments;  // evaluated
    void eval_arguments(const CallArgs* call, Arguments& out);

    // ---- objects (jinja_access.cpp)
    Value attribute(const Value& object, const Name& name);
    Value member(const Value& object, const MethodSet& methods, std::string_view name);
    const Native* method(const Value& object, const MethodSet& methods) const;
    bool withheld(const Value& object, const MethodSet& methods) const;
    Value loop_field(Loop& loop, LoopField field);
    Value index(const Value& object, const Value& key);
    Value missing_item(const Value& object, const Value& key);

    // ---- calls (jinja_call.cpp)
    Value apply_fixed(const Native& native, const Args& args);
    Value call_macro(const Macro& macro, const Args& args);
    void bind_macro(const MacroDef& definition, const Args& args, std::vector<Value>& values,
                    std::vector<NamedArg>& left_over);

    const Program& program_;
    const boost::json::object& variables_;
    const RenderOptions& options_;
    Heap heap_;
    TextBuilder output_;
    TextBuilder* out_ = &output_;
    std::vector<Value> root_;   // by NameId
    std::vector<Value> given_;  // variables from outside, converted when first named; by NameId
    Scope* scope_ = nullptr;    // innermost; null: the root
    std::vector<Scope*> free_scopes_;
    Value block_text_;  // operand of the filters of a block
    uint32_t line_ = 0;
};

// Redirects the machine's output for the life of this object.
class Machine::Capture {
  public:
    explicit Capture(Machine& machine)
        : machine_(machine), builder_(machine.budget()), before_(machine.out_) {
        machine.out_ = &builder_;
    }
    ~Capture() { machine_.out_ = before_; }
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;
    Str finish() { return builder_.finish(); }

  private:
    Machine& machine_;
    TextBuilder builder_;
    TextBuilder* before_;
};

struct Machine::Arguments {
    std::vector<Value> positional;
    std::vector<NamedArg> named;
    std::vector<Str> names;  // keeps the names that came with **
    Args view() const { return {positional, named}; }
};

}  // namespace airframe::jinja
