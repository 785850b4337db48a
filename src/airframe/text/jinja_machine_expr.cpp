// Expressions. See jinja_machine.h.
#include <algorithm>

#include "airframe/text/jinja_machine.h"

namespace airframe::jinja {
namespace {

int64_t slice_bound(const Value& value, int64_t fallback) {
    if (value.is_none()) return fallback;
    if (!value.is_integer()) raise("slice indices must be integers or None or have an __index__ method");
    return static_cast<int64_t>(std::clamp<BigInt>(value.as_big(), INT64_MIN / 2, INT64_MAX / 2));
}

// The positions that a slice picks, as Python does it.
struct Picked {
    int64_t start, stop, step;
    Picked(const Value& from, const Value& to, const Value& by, int64_t length) {
        step = slice_bound(by, 1);
        if (step == 0) raise("slice step cannot be zero");
        const int64_t low = step > 0 ? 0 : -1;
        const int64_t high = step > 0 ? length : length - 1;
        const auto place = [&](int64_t at) { return std::clamp(at < 0 ? at + length : at, low, high); };
        start = from.is_none() ? (step > 0 ? low : high) : place(slice_bound(from, 0));
        stop = to.is_none() ? (step > 0 ? high : low) : place(slice_bound(to, 0));
    }
    int64_t count() const {
        if (step > 0) return start < stop ? (stop - start - 1) / step + 1 : 0;
        return start > stop ? (start - stop - 1) / -step + 1 : 0;
    }
};

Str slice_string(Budget& budget, const Str& text, const Picked& picked) {
    TextBuilder out(budget);
    const int64_t count = picked.count();
    if (picked.step == 1) {
        const size_t begin = text.offset_of(budget, picked.start);
        return text.slice(budget, begin, count == 0 ? begin : text.offset_of(budget, picked.start + count));
    }
    budget.step(count);
    std::vector<size_t> offsets;  // of every code point, when they differ from byte numbers
    if (!text.is_ascii()) {
        for (size_t at = 0; at < text.size(); ++at) {
            if ((text.view()[at] & 0xc0) != 0x80) offsets.push_back(at);
        }
        offsets.push_back(text.size());
    }
    for (int64_t i = 0; i < count; ++i) {
        const auto at = static_cast<size_t>(picked.start + i * picked.step);
        if (offsets.empty())
            out.append(text, at, at + 1);
        else
            out.append(text, offsets[at], offsets[at + 1]);
    }
    return out.finish();
}

Value slice_list(Heap& heap, const Value& value, const Picked& picked) {
    const auto& items = value.as_list()->items;
    std::vector<Value> out;
    for (int64_t i = 0, at = picked.start, n = picked.count(); i < n; ++i, at += picked.step) {
        out.push_back(items[static_cast<size_t>(at)]);
    }
    List* list = heap.list(std::move(out));
    return value.is(Kind::kList) ? Value::list(list) : Value::tuple(list);
}

}  // namespace

Value Machine::eval(const Expr& expr) {
    const Depth depth(budget());
    budget().step();
    switch (expr.kind) {
        case ExprKind::kConstant:
            return expr.constant;
        case ExprKind::kName:
            return look_up(expr.name);
        case ExprKind::kTuple:
        case ExprKind::kList:
            return eval_sequence(expr);
        case ExprKind::kDict:
            return eval_dict(expr);
        case ExprKind::kCondition:
            return eval_condition(expr);
        case ExprKind::kOr: {
            Value left = eval(*expr.parts[0]);
            return truthy(left) ? left : eval(*expr.parts[1]);
        }
        case ExprKind::kAnd: {
            Value left = eval(*expr.parts[0]);
            return truthy(left) ? eval(*expr.parts[1]) : left;
        }
        case ExprKind::kNot:
            return Value::boolean(!truthy(eval(*expr.parts[0])));
        case ExprKind::kCompare:
            return eval_compare(expr);
        case ExprKind::kConcat:
            return eval_concat(expr);
        case ExprKind::kSlice:
            return eval_slice(expr);
        case ExprKind::kCall:
            return eval_call(expr);
        case ExprKind::kFilter:
            return eval_filter(expr);
        case ExprKind::kTest:
            return eval_test(expr);
        case ExprKind::kBlockText:
            return std::exchange(block_text_, Value());
        default:
            break;
    }
    const Value operand = eval(*expr.parts[0]);
    const Value second = expr.parts.size() > 1 ? eval(*expr.parts[1]) : Value();
    line_ = expr.line;
    switch (expr.kind) {
        case ExprKind::kBinary:
            return binary(heap_, expr.binary, operand, second);
        case ExprKind::kNegate:
            return negate(heap_, operand);
        case ExprKind::kPositive:
            return positive(operand);
        case ExprKind::kAttribute:
            return attribute(operand, program_.names[expr.name]);
        case ExprKind::kItem:
            return item(operand, second);
        default:
            raise("this cannot be evaluated");
    }
}

Value Machine::eval_condition(const Expr& expr) {
    if (truthy(eval(*expr.parts[0]))) return eval(*expr.parts[1]);
    if (expr.parts[2]) return eval(*expr.parts[2]);
    return undefined_hint("the inline if-expression evaluated to false and no else section was defined.");
}

Value Machine::eval_sequence(const Expr& expr) {
    std::vector<Value> items;
    items.reserve(expr.parts.size());
    for (const Expr* part : expr.parts) items.push_back(eval(*part));
    List* list = heap_.list(std::move(items));
    return expr.kind == ExprKind::kList ? Value::list(list) : Value::tuple(list);
}

Value Machine::eval_dict(const Expr& expr) {
    Dict* dict = heap_.make(Dict{});
    for (size_t i = 0; i + 1 < expr.parts.size(); i += 2) {
        Value key = eval(*expr.parts[i]);
        Value value = eval(*expr.parts[i + 1]);
        line_ = expr.line;
        dict->set(budget(), std::move(key), std::move(value));
    }
    return Value::dict(dict);
}

bool Machine::compare(Comparison comparison, const Value& left, const Value& right) {
    switch (comparison) {
        case Comparison::kEqual:
            return equal(budget(), left, right);
        case Comparison::kNotEqual:
            return !equal(budget(), left, right);
        case Comparison::kLess:
            return ordered(budget(), Order::kLess, left, right);
        case Comparison::kLessEqual:
            return ordered(budget(), Order::kLessEqual, left, right);
        case Comparison::kGreater:
            return ordered(budget(), Order::kGreater, left, right);
        case Comparison::kGreaterEqual:
            return ordered(budget(), Order::kGreaterEqual, left, right);
        case Comparison::kIn:
            return contains(heap_, right, left);
        case Comparison::kNotIn:
            return !contains(heap_, right, left);
    }
    return false;
}

Value Machine::eval_compare(const Expr& expr) {
    Value left = eval(*expr.parts[0]);
    for (size_t i = 0; i < expr.comparisons.size(); ++i) {
        Value right = eval(*expr.parts[i + 1]);
        line_ = expr.line;
        if (!compare(expr.comparisons[i], left, right)) return Value::boolean(false);
        left = std::move(right);
    }
    return Value::boolean(true);
}

Value Machine::eval_concat(const Expr& expr) {
    TextBuilder out(budget());
    for (const Expr* part : expr.parts) append_text(out, budget(), eval(*part));
    return Value::string(out.finish());
}

Value Machine::eval_slice(const Expr& expr) {
    const Value object = eval(*expr.parts[0]);
    const auto bound = [&](size_t part) {
        return expr.parts[part] ? eval(*expr.parts[part]) : Value::none();
    };
    const Value from = bound(1), to = bound(2), by = bound(3);
    line_ = expr.line;
    require_defined(object);
    const bool slices = object.is_string() || object.is_sequence() || object.is(Kind::kRange);
    if (!slices) raise("'{}' object is not subscriptable", type_name(object));
    const Picked picked(from, to, by, *length_of(object));
    if (object.is_string()) return object.with_text(slice_string(budget(), object.as_str(), picked));
    if (object.is_sequence()) return slice_list(heap_, object, picked);
    const Range& range = *object.as_range();
    return Value::range(heap_.make(
        Range{range.at(picked.start), range.at(picked.stop), range.step * picked.step, picked.count()}));
}

void Machine::eval_arguments(const CallArgs* call, Arguments& out) {
    if (!call) return;
    out.positional.reserve(out.positional.size() + call->positional.size());
    for (const Expr* arg : call->positional) out.positional.push_back(eval(*arg));
    for (const CallArgs::Keyword& arg : call->named) out.named.push_back({arg.name, eval(*arg.value)});
    if (call->rest) {
        for (Value& value : collect(heap_, eval(*call->rest))) out.positional.push_back(std::move(value));
    }
    if (!call->named_rest) return;
    const Value rest = eval(*call->named_rest);
    if (!rest.is(Kind::kDict)) raise("argument after ** must be a mapping, not {}", type_name(rest));
    for (const Dict::Entry& entry : rest.as_dict()->entries) {
        if (!entry.key.is_string()) raise("keywords must be strings");
        budget().step();
        out.names.push_back(entry.key.as_str());
        out.named.push_back({out.names.back().view(), entry.value});
    }
}

Value Machine::eval_call(const Expr& expr) {
    const Expr& callee_expr = *expr.parts[0];
    Arguments arguments;
    if (callee_expr.kind == ExprKind::kAttribute) {  // a method: no need to make a value of it first
        Value object = eval(*callee_expr.parts[0]);
        const Name& name = program_.names[callee_expr.name];
        const Native* native = method(object, name.methods);
        line_ = expr.line;
        const Value found = native ? Value() : attribute(object, name);
        if (native) arguments.positional.push_back(std::move(object));
        eval_arguments(expr.call, arguments);
        line_ = expr.line;
        return native ? apply(*native, arguments.view()) : call(found, arguments.view());
    }
    const Value callee = eval(callee_expr);
    eval_arguments(expr.call, arguments);
    line_ = expr.line;
    return call(callee, arguments.view());
}

Value Machine::eval_filter(const Expr& expr) {
    Arguments arguments;
    arguments.positional.push_back(eval(*expr.parts[0]));
    eval_arguments(expr.call, arguments);
    line_ = expr.line;
    if (!expr.native) raise("No filter named '{}' found.", expr.text);
    return apply(*expr.native, arguments.view());
}

Value Machine::eval_test(const Expr& expr) {
    Arguments arguments;
    arguments.positional.push_back(eval(*expr.parts[0]));
    eval_arguments(expr.call, arguments);
    line_ = expr.line;
    if (!expr.native) raise("No test named '{}' found.", expr.text);
    return Value::boolean(truthy(apply(*expr.native, arguments.view())));
}

}  // namespace airframe::jinja
