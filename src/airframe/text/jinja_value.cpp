// Values: owning, naming, hashing and the dict. See jinja_value.h.
#include "airframe/text/jinja_value.h"

#include <bit>
#include <cmath>
#include <functional>

#include "airframe/text/jinja_python.h"

namespace airframe::jinja {

Heap::~Heap() {
    for (const Owned& owned : owned_) {
        if (owned.object) owned.destroy(owned.object);
    }
}

List* Heap::list(std::vector<Value> items, std::string_view label) {
    budget_.take(items.size() * sizeof(Value));
    return make(List{std::move(items), label});
}

Value Heap::pair(Value first, Value second) {
    std::vector<Value> items;
    items.reserve(2);
    items.push_back(std::move(first));
    items.push_back(std::move(second));
    return Value::tuple(list(std::move(items)));
}

Value Heap::integer(BigInt value) {
    if (value >= INT64_MIN && value <= INT64_MAX) return Value::integer(static_cast<int64_t>(value));
    return Value::big(make(BigInt(value)));
}

Value Heap::iterator(std::function<std::vector<Value>()> produce, std::string_view label) {
    return Value::iterator(make(Iterator{.produce = std::move(produce), .label = label}));
}

std::string_view type_name(const Value& value) {
    switch (value.kind()) {
        case Kind::kMissing:
            return "missing";
        case Kind::kUndefined:
            return "Undefined";
        case Kind::kNone:
            return "NoneType";
        case Kind::kBool:
            return "bool";
        case Kind::kInt:
        case Kind::kBigInt:
            return "int";
        case Kind::kFloat:
            return "float";
        case Kind::kString:
            return value.is_markup() ? "Markup" : "str";
        case Kind::kBytes:
            return "bytes";
        case Kind::kList:
            return "list";
        case Kind::kTuple:
            return value.as_list()->is_group ? "_GroupTuple" : "tuple";
        case Kind::kDict:
            return "dict";
        case Kind::kRange:
            return "range";
        case Kind::kView:
            return value.as_list()->label;
        case Kind::kIterator:
            return value.as_iterator()->label;
        case Kind::kNamespace:
            return "Namespace";
        case Kind::kLoop:
            return "LoopContext";
        case Kind::kMacro:
            return "Macro";
        case Kind::kFunction:
            return "function";
        case Kind::kMethod:
            return "builtin_function_or_method";
        case Kind::kCycler:
            return "Cycler";
        case Kind::kJoiner:
            return "Joiner";
    }
    return "object";
}

std::string_view object_name(const Value& value) {
    switch (value.kind()) {
        case Kind::kNone:
            return "None";
        case Kind::kBool:
            return "bool object";
        case Kind::kInt:
        case Kind::kBigInt:
            return "int object";
        case Kind::kFloat:
            return "float object";
        case Kind::kString:
            return value.is_markup() ? "markupsafe.Markup object" : "str object";
        case Kind::kBytes:
            return "bytes object";
        case Kind::kList:
            return "list object";
        case Kind::kTuple:
            return "tuple object";
        case Kind::kDict:
            return "dict object";
        case Kind::kRange:
            return "range object";
        case Kind::kIterator:
            return "generator object";
        case Kind::kNamespace:
            return "jinja2.utils.Namespace object";
        case Kind::kLoop:
            return "jinja2.runtime.LoopContext object";
        case Kind::kMacro:
            return "jinja2.runtime.Macro object";
        case Kind::kCycler:
            return "jinja2.utils.Cycler object";
        case Kind::kJoiner:
            return "jinja2.utils.Joiner object";
        case Kind::kView:
            return "dict view object";
        default:
            return "function object";
    }
}

std::string Undefined::message() const {
    if (!hint.empty()) return std::string(hint);
    if (not_provided) return fmt::format("parameter '{}' was not provided", name);
    if (unsafe) return fmt::format("access to attribute '{}' of '{}' object is unsafe.", key.view(), owner);
    if (owner.empty()) return fmt::format("'{}' is undefined", name);
    if (key.missing()) return fmt::format("'{}' has no attribute '{}'", owner, name);
    if (key.is_string()) return fmt::format("'{}' has no attribute '{}'", owner, key.view());
    Budget budget(1 << 20, 1 << 20);
    return fmt::format("{} has no element {}", owner, repr(budget, key).view());
}

namespace {

size_t hash_number(double value) { return std::hash<double>{}(value); }

size_t hash_of(Budget& budget, const Value& key) {
    switch (key.kind()) {
        case Kind::kBool:
        case Kind::kInt:
        case Kind::kBigInt:
            return hash_number(static_cast<double>(key.as_big()));
        case Kind::kFloat:
            return hash_number(key.as_float());
        case Kind::kString:
        case Kind::kBytes:
            budget.step(static_cast<int64_t>(key.view().size() >> 8));
            return std::hash<std::string_view>{}(key.view());
        case Kind::kTuple: {
            Depth depth(budget);
            size_t hash = 0x9e3779b97f4a7c15u;
            for (const Value& item : key.as_list()->items) {
                budget.step();
                hash = std::rotl(hash, 5) * 31 + hash_of(budget, item);
            }
            return hash;
        }
        case Kind::kList:
        case Kind::kDict:
            raise("unhashable type: '{}'", type_name(key));
        case Kind::kNone:
        case Kind::kUndefined:
            return static_cast<size_t>(key.kind());
        default:
            return std::hash<const void*>{}(key.identity());
    }
}

constexpr size_t kLinearEntries = 8;  // up to here a walk beats hashing

}  // namespace

std::optional<size_t> Dict::locate(Budget& budget, const Value& key, size_t hash) const {
    const auto matches = [&](size_t i) { return hashes_[i] == hash && equal(budget, entries[i].key, key); };
    if (slots_.empty()) {
        for (size_t i = 0; i < entries.size(); ++i) {
            if (matches(i)) return i;
        }
        return std::nullopt;
    }
    const size_t mask = slots_.size() - 1;
    for (size_t slot = hash & mask; slots_[slot] != 0; slot = (slot + 1) & mask) {
        if (matches(slots_[slot] - 1)) return slots_[slot] - 1;
    }
    return std::nullopt;
}

const Value* Dict::find(Budget& budget, const Value& key) const {
    const auto at = locate(budget, key, hash_of(budget, key));
    return at ? &entries[*at].value : nullptr;
}

const Value* Dict::find(std::string_view key) const {
    const auto matches = [&](size_t i) { return entries[i].key.is_string() && entries[i].key.view() == key; };
    if (slots_.empty()) {
        for (size_t i = 0; i < entries.size(); ++i) {
            if (matches(i)) return &entries[i].value;
        }
        return nullptr;
    }
    const size_t mask = slots_.size() - 1;
    for (size_t slot = std::hash<std::string_view>{}(key)&mask; slots_[slot] != 0; slot = (slot + 1) & mask) {
        if (matches(slots_[slot] - 1)) return &entries[slots_[slot] - 1].value;
    }
    return nullptr;
}

void Dict::set(Budget& budget, Value key, Value value) {
    const size_t hash = hash_of(budget, key);
    if (const auto at = locate(budget, key, hash)) {
        entries[*at].value = std::move(value);
        return;
    }
    budget.take(sizeof(Entry) + sizeof(size_t) + 2 * sizeof(uint32_t));
    entries.push_back({std::move(key), std::move(value)});
    hashes_.push_back(hash);
    if (entries.size() <= kLinearEntries) return;
    if (entries.size() * 2 > slots_.size()) return rehash();
    const size_t mask = slots_.size() - 1;
    size_t slot = hash & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = static_cast<uint32_t>(entries.size());
}

void Dict::erase(Budget& budget, size_t at) {
    budget.step(static_cast<int64_t>(entries.size() / 16));
    entries.erase(entries.begin() + static_cast<ptrdiff_t>(at));
    hashes_.erase(hashes_.begin() + static_cast<ptrdiff_t>(at));
    slots_.clear();
    if (entries.size() > kLinearEntries) rehash();
}

void Dict::rehash() {
    slots_.assign(std::bit_ceil(entries.size() * 4), 0);
    const size_t mask = slots_.size() - 1;
    for (size_t i = 0; i < entries.size(); ++i) {
        size_t slot = hashes_[i] & mask;
        while (slots_[slot] != 0) slot = (slot + 1) & mask;
        slots_[slot] = static_cast<uint32_t>(i + 1);
    }
}

}  // namespace airframe::jinja
