// Attributes and items of objects, with the sandbox's rules: Python's internals and whatever changes a list
// or a dict are withheld. See jinja_machine.h.
#include "airframe/text/jinja_machine.h"
#include "base/utf8.h"

namespace airframe::jinja {

Owner owner_of(const Value& value) {
    switch (value.kind()) {
        case Kind::kString:
            return Owner::kStr;
        case Kind::kList:
            return Owner::kList;
        case Kind::kTuple:
            return Owner::kTuple;
        case Kind::kDict:
            return Owner::kDict;
        case Kind::kBool:
        case Kind::kInt:
        case Kind::kBigInt:
            return Owner::kInt;
        case Kind::kFloat:
            return Owner::kFloat;
        case Kind::kBytes:
            return Owner::kBytes;
        case Kind::kCycler:
            return Owner::kCycler;
        case Kind::kLoop:
            return Owner::kLoop;
        default:
            return Owner::kNobody;
    }
}

bool Machine::withheld(const Value& object, const MethodSet& methods) const {
    if (methods.internal) return true;
    if (options_.lists_may_change) return false;
    return (methods.changes_list && object.is(Kind::kList)) ||
           (methods.changes_dict && object.is(Kind::kDict));
}

// The method of this name that templates may call; null when there is none.
const Native* Machine::method(const Value& object, const MethodSet& methods) const {
    const Owner owner = owner_of(object);
    if (owner == Owner::kNobody || withheld(object, methods)) return nullptr;
    return methods.methods[static_cast<size_t>(owner)];
}

Value Machine::member(const Value& object, const MethodSet& methods, std::string_view name) {
    if (object.is(Kind::kNamespace)) {
        const Value* found = object.as_space()->attributes.find(name);
        return found ? *found : Value();
    }
    if (withheld(object, methods)) {
        return undefined({.owner = type_name(object), .key = heap_.string(name), .unsafe = true});
    }
    if (const Native* native = method(object, methods))
        return Value::method(heap_.make(BoundMethod{object, native}));
    if (object.is(Kind::kLoop) && methods.loop_field != LoopField::kNone) {
        return loop_field(*object.as_loop(), methods.loop_field);
    }
    if (object.is(Kind::kTuple) && object.as_list()->is_group) {
        if (name == "grouper") return object.as_list()->items[0];
        if (name == "list") return object.as_list()->items[1];
    }
    if (object.is(Kind::kCycler) && name == "current")
        return object.as_cycler()->items[object.as_cycler()->at];
    if (object.is(Kind::kMacro) && name == "name") return heap_.string(object.as_macro()->definition->name);
    return {};
}

Value Machine::attribute(const Value& object, const Name& name) {
    require_defined(object);
    if (Value found = member(object, name.methods, name.text); !found.missing()) return found;
    if (object.is(Kind::kDict)) {
        if (const Value* found = object.as_dict()->find(name.text)) return *found;
    }
    return undefined({.owner = object_name(object), .name = name.text});
}

Value Machine::member(const Value& object, std::string_view name) {
    require_defined(object);
    return member(object, methods_named(name), name);
}

Value Machine::missing_item(const Value& object, const Value& key) {
    if (key.is_string()) {
        if (Value found = member(object, key.view()); !found.missing()) return found;
    }
    return undefined({.owner = object_name(object), .key = key});
}

// object[number]; kMissing when there is no such item.
Value Machine::index(const Value& object, const Value& key) {
    const auto length = length_of(object);
    if (!length) return {};
    const BigInt wide = key.as_big();
    const BigInt at = wide < 0 ? wide + *length : wide;
    if (at < 0 || at >= *length) return {};
    const auto place = static_cast<int64_t>(at);
    switch (object.kind()) {
        case Kind::kString: {
            const Str text = object.as_str();
            const size_t begin = text.offset_of(budget(), place);
            size_t end = begin;
            base::next_code_point(text.view(), end);
            return object.with_text(text.slice(budget(), begin, end));
        }
        case Kind::kBytes:
            return Value::integer(static_cast<unsigned char>(object.view()[static_cast<size_t>(place)]));
        case Kind::kList:
        case Kind::kTuple:
            return object.as_list()->items[static_cast<size_t>(place)];
        case Kind::kRange:
            return Value::integer(object.as_range()->at(place));
        default:
            return {};
    }
}

Value Machine::item(const Value& object, const Value& key) {
    require_defined(object);
    if (object.is(Kind::kDict)) {
        const bool hashable = !key.is(Kind::kList) && !key.is(Kind::kDict);
        const Value* found = hashable ? object.as_dict()->find(budget(), key) : nullptr;
        if (found) return *found;
    } else if (key.is_integer()) {
        if (Value found = index(object, key); !found.missing()) return found;
    }
    return missing_item(object, key);
}

}  // namespace airframe::jinja
