// Statements and variables. See jinja_machine.h.
#include "airframe/text/jinja_machine.h"

#include <algorithm>

#include "airframe/text/jinja_json.h"

namespace airframe::jinja {

Machine::Machine(const Program& program, const boost::json::object& variables, const RenderOptions& options,
                 Budget& budget)
    : program_(program),
      variables_(variables),
      options_(options),
      heap_(budget),
      output_(budget, options.output_bytes_max),
      root_(program.names.size()),
      given_(program.names.size()) {}

Rendered Machine::run() {
    run_block(program_.body);
    auto [text, untrusted] = output_.take();
    return {std::move(text), std::move(untrusted)};
}

Machine::Flow Machine::run_block(const Block& block) {
    for (const Stmt* statement : block) {
        if (const Flow flow = run_statement(*statement); flow != Flow::kNext) return flow;
    }
    return Flow::kNext;
}

Machine::Flow Machine::run_statement(const Stmt& statement) {
    const Depth depth(budget());
    budget().step();
    line_ = statement.line;
    switch (statement.kind) {
        case StmtKind::kOutput:
            run_output(statement);
            return Flow::kNext;
        case StmtKind::kIf:
            return run_if(statement);
        case StmtKind::kFor:
            return run_loop(statement, eval(*statement.value), scope_, 0);
        case StmtKind::kSet:
            assign(*statement.target, eval(*statement.value));
            return Flow::kNext;
        case StmtKind::kSetBlock:
        case StmtKind::kFilterBlock:
            return run_captured(statement);
        case StmtKind::kMacro:
            set_variable(statement.name, make_macro(*statement.macro));
            return Flow::kNext;
        case StmtKind::kCallBlock:
            run_call_block(statement);
            return Flow::kNext;
        case StmtKind::kWith:
            return run_with(statement);
        case StmtKind::kScope:
            return run_scoped(statement.body);
        case StmtKind::kBreak:
            return Flow::kBreak;
        case StmtKind::kContinue:
            return Flow::kContinue;
    }
    return Flow::kNext;
}

void Machine::run_output(const Stmt& statement) {
    for (const Expr* part : statement.parts) {
        if (part->kind == ExprKind::kConstant && part->constant.is_string())
            out_->append(part->constant.view());
        else
            append_text(*out_, budget(), eval(*part));
    }
}

Machine::Flow Machine::run_if(const Stmt& statement) {
    for (const Stmt::Branch& branch : statement.branches) {
        if (!branch.test || truthy(eval(*branch.test))) return run_block(branch.body);
    }
    return Flow::kNext;
}

Machine::Flow Machine::run_captured(const Stmt& statement) {
    Flow flow = Flow::kNext;
    Value text;
    {
        Capture capture(*this);
        flow = run_scoped(statement.body);
        text = Value::string(capture.finish());
    }
    block_text_ = std::move(text);
    Value result = eval(*statement.value);
    if (statement.kind == StmtKind::kSetBlock)
        assign(*statement.target, std::move(result));
    else
        append_text(*out_, budget(), result);
    return flow;
}

void Machine::run_call_block(const Stmt& statement) {
    const Expr& call_expr = *statement.value;
    const Value callee = eval(*call_expr.parts[0]);
    Arguments arguments;
    eval_arguments(call_expr.call, arguments);
    arguments.named.push_back({"caller", make_macro(*statement.macro)});
    line_ = statement.line;
    append_text(*out_, budget(), call(callee, arguments.view()));
}

Machine::Flow Machine::run_with(const Stmt& statement) {
    std::vector<Value> values;
    for (const Stmt::Binding& binding : statement.bindings) values.push_back(eval(*binding.value));
    Scope* outer = scope_;
    scope_ = open_scope(outer);
    for (size_t i = 0; i < values.size(); ++i) assign(*statement.bindings[i].target, std::move(values[i]));
    const Flow flow = run_block(statement.body);
    close_scope(std::exchange(scope_, outer));
    return flow;
}

Machine::Flow Machine::run_scoped(const Block& block) {
    Scope* outer = scope_;
    scope_ = open_scope(outer);
    const Flow flow = run_block(block);
    close_scope(std::exchange(scope_, outer));
    return flow;
}

// ---- variables

Scope* Machine::open_scope(Scope* parent) {
    Scope* scope = nullptr;
    if (free_scopes_.empty()) {
        scope = heap_.make(Scope{});
    } else {
        scope = free_scopes_.back();
        free_scopes_.pop_back();
    }
    scope->parent = parent;
    return scope;
}

// A failure leaves scopes unclosed: the rendering is over then.
void Machine::close_scope(Scope* scope) {
    if (scope->captured) return;
    scope->variables.clear();
    free_scopes_.push_back(scope);
}

Value Machine::look_up(NameId name) {
    for (const Scope* scope = scope_; scope; scope = scope->parent) {
        for (const auto& [id, value] : scope->variables) {
            if (id == name) return value;
        }
    }
    if (!root_[name].missing()) return root_[name];
    if (!given_[name].missing()) return given_[name];
    const Name& known = program_.names[name];
    if (const boost::json::value* json = variables_.if_contains(known.text)) {
        const auto& names = options_.untrusted_variables;
        const bool untrusted = std::find(names.begin(), names.end(), known.text) != names.end();
        given_[name] = from_json(heap_, *json, untrusted, options_.trusted_roles);
        return given_[name];
    }
    if (known.global) return Value::function(known.global);
    return undefined({.name = known.text});
}

void Machine::set_variable(NameId name, Value value) {
    if (!scope_) {
        root_[name] = std::move(value);
        return;
    }
    for (auto& [id, old] : scope_->variables) {
        if (id != name) continue;
        old = std::move(value);
        return;
    }
    scope_->variables.emplace_back(name, std::move(value));
}

void Machine::assign(const Expr& target, Value value) {
    switch (target.kind) {
        case ExprKind::kName:
            return set_variable(target.name, std::move(value));
        case ExprKind::kTuple:
            return assign_items(target, value);
        default:
            break;
    }
    const Value space = look_up(target.owner);
    line_ = target.line;
    if (!space.is(Kind::kNamespace)) raise("cannot assign attribute on non-namespace object");
    space.as_space()->attributes.set(budget(), heap_.string(program_.names[target.name].text),
                                     std::move(value));
}

void Machine::assign_items(const Expr& target, const Value& value) {
    line_ = target.line;
    if (!value.is_undefined() && !value.is(Kind::kString) && !value.is_sequence() && !value.is(Kind::kDict) &&
        !value.is(Kind::kView) && !value.is(Kind::kRange) && !value.is(Kind::kIterator)) {
        raise("cannot unpack non-iterable {} object", type_name(value));
    }
    const size_t wanted = target.parts.size();
    std::vector<Value> items;
    Items source(heap_, value);
    while (auto item = source.next()) {
        items.push_back(std::move(*item));
        if (items.size() > wanted) raise("too many values to unpack (expected {})", wanted);
    }
    if (items.size() < wanted)
        raise("not enough values to unpack (expected {}, got {})", wanted, items.size());
    for (size_t i = 0; i < wanted; ++i) assign(*target.parts[i], std::move(items[i]));
}

Value Machine::make_macro(const MacroDef& definition) {
    for (Scope* scope = scope_; scope && !scope->captured; scope = scope->parent) scope->captured = true;
    return Value::macro(heap_.make(Macro{&definition, scope_}));
}

}  // namespace airframe::jinja
