// Values of the template language, with Python's kinds. A Value is 16 bytes. Strings are counted
// (jinja_text.h); containers, functions and everything else larger live in the Heap of one rendering until it
// ends, so that no cycle leaks and nothing deep is destroyed by recursion. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "airframe/text/jinja_text.h"

namespace airframe::jinja {

using NameId = uint32_t;
using BigInt = __int128;  // integers beyond 64 bits; beyond 127 bits is an error

enum class Kind : uint8_t {
    kMissing,  // no value at all: an argument not given; never seen by templates
    kUndefined,
    kNone,
    kBool,
    kInt,
    kBigInt,
    kFloat,
    kString,
    kBytes,
    kList,
    kTuple,
    kDict,
    kRange,
    kView,      // what dict.keys(), .values(), .items() give
    kIterator,  // can be walked once: what map, select, … give
    kNamespace,
    kLoop,
    kMacro,
    kFunction,
    kMethod,
    kCycler,
    kJoiner,
};

struct Value;
struct List;
struct Dict;
struct Range;
struct Iterator;
struct Undefined;
struct Namespace;
struct Macro;
struct BoundMethod;
struct Cycler;
struct Joiner;
struct Loop;
struct Native;

struct Value {
    Value() noexcept : kind_(Kind::kMissing) {}
    Value(const Value& other) noexcept
        : kind_(other.kind_), markup_(other.markup_), payload_(other.payload_) {
        if (holds_text()) retain();
    }
    Value(Value&& other) noexcept : kind_(other.kind_), markup_(other.markup_), payload_(other.payload_) {
        other.kind_ = Kind::kMissing;
    }
    Value& operator=(Value other) noexcept {
        std::swap(kind_, other.kind_);
        std::swap(markup_, other.markup_);
        std::swap(payload_, other.payload_);
        return *this;
    }
    ~Value() {
        if (holds_text()) Str::adopt(payload_.text);
    }

    static Value undefined(const Undefined* why = nullptr) {
        return Value(Kind::kUndefined, {.undefined = why});
    }
    static Value none() { return Value(Kind::kNone, {}); }
    static Value boolean(bool value) { return Value(Kind::kBool, {.integer = value}); }
    static Value integer(int64_t value) { return Value(Kind::kInt, {.integer = value}); }
    static Value floating(double value) { return Value(Kind::kFloat, {.floating = value}); }
    static Value string(Str value) { return Value(Kind::kString, {.text = value.detach()}); }
    static Value bytes(Str value) { return Value(Kind::kBytes, {.text = value.detach()}); }
    // Text that counts as safe HTML: adding to it escapes the other side, as Jinja's `safe` and `escape` make
    // it.
    static Value markup(Str value) {
        Value out = string(std::move(value));
        out.markup_ = true;
        return out;
    }
    // Another text of this string's kind: safe HTML stays so.
    Value with_text(Str text) const { return markup_ ? markup(std::move(text)) : string(std::move(text)); }
    static Value list(List* value) { return Value(Kind::kList, {.list = value}); }
    static Value tuple(List* value) { return Value(Kind::kTuple, {.list = value}); }
    static Value dict(Dict* value) { return Value(Kind::kDict, {.dict = value}); }
    static Value range(const Range* value) { return Value(Kind::kRange, {.range = value}); }
    static Value view(List* value) { return Value(Kind::kView, {.list = value}); }
    static Value iterator(Iterator* value) { return Value(Kind::kIterator, {.iterator = value}); }
    static Value space(Namespace* value) { return Value(Kind::kNamespace, {.space = value}); }
    static Value loop(Loop* value) { return Value(Kind::kLoop, {.loop = value}); }
    static Value macro(Macro* value) { return Value(Kind::kMacro, {.macro = value}); }
    static Value function(const Native* value) { return Value(Kind::kFunction, {.function = value}); }
    static Value method(BoundMethod* value) { return Value(Kind::kMethod, {.method = value}); }
    static Value cycler(Cycler* value) { return Value(Kind::kCycler, {.cycler = value}); }
    static Value joiner(Joiner* value) { return Value(Kind::kJoiner, {.joiner = value}); }
    static Value big(const BigInt* value) { return Value(Kind::kBigInt, {.big = value}); }

    Kind kind() const { return kind_; }
    bool is(Kind kind) const { return kind_ == kind; }
    bool missing() const { return kind_ == Kind::kMissing; }
    bool is_undefined() const { return kind_ == Kind::kUndefined; }
    bool is_none() const { return kind_ == Kind::kNone; }
    bool is_string() const { return kind_ == Kind::kString; }
    bool is_integer() const {  // as Python's int: True and False too
        return kind_ == Kind::kInt || kind_ == Kind::kBool || kind_ == Kind::kBigInt;
    }
    bool is_number() const { return is_integer() || kind_ == Kind::kFloat; }
    bool is_sequence() const { return kind_ == Kind::kList || kind_ == Kind::kTuple; }
    bool is_markup() const { return markup_; }

    // Each REQUIRES the kind.
    bool as_bool() const { return payload_.integer != 0; }
    int64_t as_int() const { return payload_.integer; }  // kInt or kBool
    BigInt as_big() const { return kind_ == Kind::kBigInt ? *payload_.big : BigInt(payload_.integer); }
    double as_float() const { return payload_.floating; }
    Str as_str() const {
        if (payload_.text && !payload_.text->immortal) ++payload_.text->references;
        return Str::adopt(payload_.text);
    }
    std::string_view view() const {  // kString or kBytes
        return payload_.text ? std::string_view(payload_.text->bytes) : std::string_view();
    }
    List* as_list() const { return payload_.list; }  // list, tuple or view
    Dict* as_dict() const { return payload_.dict; }
    const Range* as_range() const { return payload_.range; }
    Iterator* as_iterator() const { return payload_.iterator; }
    const Undefined* as_undefined() const { return payload_.undefined; }
    Namespace* as_space() const { return payload_.space; }
    Loop* as_loop() const { return payload_.loop; }
    Macro* as_macro() const { return payload_.macro; }
    const Native* as_function() const { return payload_.function; }
    BoundMethod* as_method() const { return payload_.method; }
    Cycler* as_cycler() const { return payload_.cycler; }
    Joiner* as_joiner() const { return payload_.joiner; }
    const void* identity() const { return payload_.list; }

  private:
    union Payload {
        int64_t integer;
        double floating;
        StrRep* text;
        List* list;
        Dict* dict;
        const Range* range;
        Iterator* iterator;
        const Undefined* undefined;
        Namespace* space;
        Loop* loop;
        Macro* macro;
        const Native* function;
        BoundMethod* method;
        Cycler* cycler;
        Joiner* joiner;
        const BigInt* big;
    };
    Value(Kind kind, Payload payload) noexcept : kind_(kind), payload_(payload) {}
    bool holds_text() const { return kind_ == Kind::kString || kind_ == Kind::kBytes; }
    void retain() const {
        if (payload_.text && !payload_.text->immortal) ++payload_.text->references;
    }

    Kind kind_;
    bool markup_ = false;
    Payload payload_{};
};

// The items of a list, a tuple or a view; `label` names a view's Python type.
struct List {
    std::vector<Value> items;
    std::string_view label;
    bool is_group = false;  // a pair of `groupby`: has .grouper and .list
};

struct Range {
    int64_t start, stop, step, count;
    int64_t at(int64_t index) const { return start + step * index; }
};

// Makes its items when it is first walked, so that a fault in making them shows only then.
struct Iterator {
    std::function<std::vector<Value>()> produce;
    List* source = nullptr;  // null: not walked yet
    size_t at = 0;
    std::string_view label = "generator";
};

// Why a value is undefined: what the error says once somebody uses it.
struct Undefined {
    std::string_view hint;      // the whole message; else it is made of:
    std::string_view owner;     // kind of the object that lacks it; empty: a variable
    std::string_view name;      // of the variable or attribute; lives as long as the template …
    Value key;                  // … or this, when it came by subscript
    bool unsafe = false;        // an attribute that the sandbox withholds
    bool not_provided = false;  // a parameter of a macro without argument
    std::string message() const;
};

struct BoundMethod {
    Value self;
    const Native* native;
};

struct Cycler {
    std::vector<Value> items;
    size_t at = 0;
};

struct Joiner {
    Str separator;
    bool used = false;
};

// Owns what is larger than a Value until the rendering ends.
class Heap {
  public:
    explicit Heap(Budget& budget) : budget_(budget) {}
    ~Heap();
    Heap(const Heap&) = delete;
    Heap& operator=(const Heap&) = delete;

    template <class T>
    T* make(T&& value = {}) {
        budget_.take(sizeof(T) + sizeof(Owned));
        owned_.push_back({});
        owned_.back() = {new T(std::move(value)), [](void* p) { delete static_cast<T*>(p); }};
        return static_cast<T*>(owned_.back().object);
    }

    // A list of these items, its memory charged.
    List* list(std::vector<Value> items, std::string_view label = {});
    Value pair(Value first, Value second);  // a tuple of two
    Value integer(BigInt value);            // Errors: beyond 127 bits
    Value iterator(std::function<std::vector<Value>()> produce, std::string_view label = "generator");
    Value string(std::string_view text, bool untrusted = false) {
        return Value::string(Str::make(budget_, text, untrusted));
    }
    Budget& budget() { return budget_; }

  private:
    struct Owned {
        void* object = nullptr;
        void (*destroy)(void*) = nullptr;
    };
    Budget& budget_;
    std::vector<Owned> owned_;
};

// Python's type(value).__name__.
std::string_view type_name(const Value& value);
// How Jinja names an object in "… has no attribute": "dict object", "None".
std::string_view object_name(const Value& value);

// A dict: keeps insertion order, finds by hash. Keys compare as Python's do (1 == 1.0 == True).
struct Dict {
    struct Entry {
        Value key, value;
    };
    std::vector<Entry> entries;

    const Value* find(Budget& budget, const Value& key) const;
    const Value* find(std::string_view key) const;
    void set(Budget& budget, Value key, Value value);
    void erase(Budget& budget, size_t at);  // linear

  private:
    std::optional<size_t> locate(Budget& budget, const Value& key, size_t hash) const;
    void rehash();
    // Open addressing over entry numbers + 1, built from the ninth entry on; hashes_ go with entries.
    std::vector<uint32_t> slots_;
    std::vector<size_t> hashes_;
};

struct Namespace {
    Dict attributes;
};

}  // namespace airframe::jinja
