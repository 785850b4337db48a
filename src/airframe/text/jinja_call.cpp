// Calls: built-in functions with their arguments bound to parameters, macros, methods, loops. See
// jinja_machine.h.
#include <algorithm>

#include "airframe/text/jinja_machine.h"

namespace airframe::jinja {

std::string macro_label(const Macro& macro) {
    return macro.definition->name.empty() ? "anonymous" : fmt::format("'{}'", macro.definition->name);
}

Value Machine::apply(const Native& native, const Args& args) {
    const Depth depth(budget());
    return native.variadic ? native.variadic(*this, args) : apply_fixed(native, args);
}

Value Machine::apply_fixed(const Native& native, const Args& args) {
    const auto& names = native.params;
    const auto count = static_cast<size_t>(std::ranges::find(names, std::string_view{}) - names.begin());
    if (args.positional.size() > count) {
        raise("{}() takes at most {} arguments ({} given)", native.name, count, args.positional.size());
    }
    std::array<Value, std::tuple_size_v<decltype(Native::params)>> values;
    std::ranges::copy(args.positional, values.begin());
    for (const NamedArg& arg : args.named) {
        const auto at =
            static_cast<size_t>(std::find(names.begin(), names.begin() + count, arg.name) - names.begin());
        if (at == count) raise("{}() got an unexpected keyword argument '{}'", native.name, arg.name);
        if (!values[at].missing()) raise("{}() got multiple values for argument '{}'", native.name, arg.name);
        values[at] = arg.value;
    }
    for (size_t i = 0; i < native.required; ++i) {
        if (values[i].missing()) raise("{}() missing required argument '{}'", native.name, names[i]);
    }
    return native.fixed(*this, std::span(values).first(count));
}

Value Machine::call(const Value& callee, const Args& args) {
    const Depth depth(budget());
    switch (callee.kind()) {
        case Kind::kFunction:
            return apply(*callee.as_function(), args);
        case Kind::kMacro:
            return call_macro(*callee.as_macro(), args);
        case Kind::kMethod: {
            std::vector<Value> positional{callee.as_method()->self};
            positional.insert(positional.end(), args.positional.begin(), args.positional.end());
            return apply(*callee.as_method()->native, {positional, args.named});
        }
        case Kind::kLoop:
            if (args.positional.size() != 1) raise("loop() takes exactly one argument");
            return recurse(*callee.as_loop(), args.positional[0]);
        case Kind::kJoiner:
            if (std::exchange(callee.as_joiner()->used, true))
                return Value::string(callee.as_joiner()->separator);
            return Value::string({});
        case Kind::kUndefined:
            raise_undefined(callee);
        default:
            raise("'{}' object is not callable", type_name(callee));
    }
}

// Puts arguments where parameters are; named ones that match none go to `left_over`.
void Machine::bind_macro(const MacroDef& definition, const Args& args, std::vector<Value>& values,
                         std::vector<NamedArg>& left_over) {
    const size_t count = definition.params.size();
    const size_t given = std::min(count, args.positional.size());
    values.assign(args.positional.begin(), args.positional.begin() + static_cast<ptrdiff_t>(given));
    values.resize(count);
    for (const NamedArg& arg : args.named) {
        size_t at = given;
        while (at < count && program_.names[definition.params[at]].text != arg.name) ++at;
        if (at < count)
            values[at] = arg.value;
        else
            left_over.push_back(arg);
    }
}

Value Machine::call_macro(const Macro& macro, const Args& args) {
    const MacroDef& definition = *macro.definition;
    std::vector<Value> values;
    std::vector<NamedArg> left_over;
    bind_macro(definition, args, values, left_over);

    Value caller;
    if (definition.uses_caller && !definition.has_caller_param) {
        const auto found = std::ranges::find(left_over, "caller", &NamedArg::name);
        caller = found == left_over.end() ? undefined_hint("No caller defined") : found->value;
        if (found != left_over.end()) left_over.erase(found);
    }
    if (!definition.uses_kwargs && !left_over.empty()) {
        raise("macro '{}' takes no keyword argument '{}'", definition.name, left_over[0].name);
    }
    const size_t count = definition.params.size();
    if (!definition.uses_varargs && args.positional.size() > count) {
        raise("macro '{}' takes not more than {} argument(s)", definition.name, count);
    }

    Capture capture(*this);
    Scope* before = scope_;
    scope_ = open_scope(macro.scope);
    const size_t first_default = count - definition.defaults.size();
    for (size_t i = 0; i < count; ++i) {
        if (values[i].missing() && i >= first_default)
            values[i] = eval(*definition.defaults[i - first_default]);
        if (values[i].missing()) {
            values[i] = undefined({.name = program_.names[definition.params[i]].text, .not_provided = true});
        }
        set_variable(definition.params[i], std::move(values[i]));
    }
    if (!caller.missing()) set_variable(program_.caller_name, std::move(caller));
    if (definition.uses_kwargs) {
        Dict* kwargs = heap_.make(Dict{});
        for (const NamedArg& arg : left_over) kwargs->set(budget(), heap_.string(arg.name), arg.value);
        set_variable(program_.kwargs_name, Value::dict(kwargs));
    }
    if (definition.uses_varargs) {
        const auto extra = args.positional.subspan(std::min(count, args.positional.size()));
        set_variable(program_.varargs_name, Value::tuple(heap_.list({extra.begin(), extra.end()})));
    }
    run_block(definition.body);
    close_scope(std::exchange(scope_, before));
    return Value::string(capture.finish());
}

}  // namespace airframe::jinja
