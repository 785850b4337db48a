// For loops, and the `loop` variable that templates see in them. See jinja_machine.h.
#include "airframe/text/jinja_machine.h"

namespace airframe::jinja {

int64_t loop_length(Loop& loop) {
    if (loop.length) return *loop.length;
    if (!loop.statement->test) loop.length = length_of(loop.source);
    if (loop.length) return *loop.length;
    std::vector<Value> rest;
    while (auto item = loop.machine->pull(loop)) rest.push_back(std::move(*item));
    loop.length = static_cast<int64_t>(rest.size()) + loop.index0 + 1 + (loop.ahead ? 1 : 0);
    Heap& heap = loop.machine->heap();
    loop.source = Value::list(heap.list(std::move(rest)));
    loop.items = Items(heap, loop.source);
    return *loop.length;
}

std::string loop_text(Loop& loop) {
    return fmt::format("<LoopContext {}/{}>", loop.index0 + 1, loop_length(loop));
}

std::optional<Value> Machine::pull(Loop& loop) {
    while (auto item = loop.items.next()) {
        // Once the length was asked for, what is left has passed the filter already.
        if (!loop.statement->test || loop.length) return item;
        Scope* inner = scope_;
        scope_ = open_scope(loop.outer);
        // Jinja2's filter hands on what it has unpacked, as a tuple.
        const Expr& target = *loop.statement->target;
        if (target.kind == ExprKind::kTuple && !item->is(Kind::kTuple)) {
            item = Value::tuple(heap_.list(collect(heap_, *item)));
        }
        assign(target, *item);
        const bool passes = truthy(eval(*loop.statement->test));
        close_scope(std::exchange(scope_, inner));
        if (passes) return item;
    }
    return std::nullopt;
}

Machine::Flow Machine::run_loop(const Stmt& statement, const Value& source, Scope* outer, int64_t depth0) {
    Loop here{this, &statement, outer, source, Items(heap_, source), depth0};
    const bool visible = statement.uses_loop || statement.recursive;
    return run_iterations(visible ? *heap_.make(std::move(here)) : here);
}

Machine::Flow Machine::run_iterations(Loop& loop) {
    const Stmt& statement = *loop.statement;
    Scope* before = scope_;
    bool any =
        false;  // an iteration ran to its end: one left by break or continue does not count, as in Jinja2
    while (true) {
        std::optional<Value> item = loop.ahead ? std::exchange(loop.ahead, std::nullopt) : pull(loop);
        if (!item) break;
        ++loop.index0;
        loop.previous = std::exchange(loop.current, *item);
        scope_ = open_scope(loop.outer);
        assign(*statement.target, std::move(*item));
        if (statement.uses_loop) set_variable(program_.loop_name, Value::loop(&loop));
        const Flow flow = run_block(statement.body);
        close_scope(std::exchange(scope_, before));
        if (flow == Flow::kBreak) break;
        any |= flow == Flow::kNext;
    }
    if (any || statement.otherwise.empty()) return Flow::kNext;
    scope_ = loop.outer;
    const Flow flow = run_scoped(statement.otherwise);
    scope_ = before;
    return flow;
}

Value Machine::recurse(Loop& loop, const Value& items) {
    if (!loop.statement->recursive) {
        raise("The loop must have the 'recursive' marker to be called recursively.");
    }
    Capture capture(*this);
    Scope* before = scope_;
    run_loop(*loop.statement, items, loop.outer, loop.depth0 + 1);
    scope_ = before;
    return Value::string(capture.finish());
}

Value Machine::loop_field(Loop& loop, LoopField field) {
    switch (field) {
        case LoopField::kIndex:
            return Value::integer(loop.index0 + 1);
        case LoopField::kIndex0:
            return Value::integer(loop.index0);
        case LoopField::kRevindex:
            return Value::integer(loop_length(loop) - loop.index0);
        case LoopField::kRevindex0:
            return Value::integer(loop_length(loop) - loop.index0 - 1);
        case LoopField::kFirst:
            return Value::boolean(loop.index0 == 0);
        case LoopField::kLength:
            return Value::integer(loop_length(loop));
        case LoopField::kDepth:
            return Value::integer(loop.depth0 + 1);
        case LoopField::kDepth0:
            return Value::integer(loop.depth0);
        case LoopField::kPrevitem:
            return loop.index0 == 0 ? undefined_hint("there is no previous item") : loop.previous;
        case LoopField::kLast:
        case LoopField::kNextitem:
            if (!loop.ahead) loop.ahead = pull(loop);
            if (field == LoopField::kLast) return Value::boolean(!loop.ahead);
            return loop.ahead ? *loop.ahead : undefined_hint("there is no next item");
        case LoopField::kNone:
            break;
    }
    return Value::undefined();
}

}  // namespace airframe::jinja
