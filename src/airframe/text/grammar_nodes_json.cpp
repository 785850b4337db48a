// Objects and arrays as nodes: which members and items may come, and when they may end.
#include <algorithm>
#include <bit>
#include <set>

#include "airframe/text/grammar_nodes.h"

namespace airframe {
namespace {

using Kind = NodeKey::Kind;

// The state of a node is its phase and, from the key to the value, the class of the key.
enum Phase : uint32_t {
    kOpen,
    kFirst,
    kFirstTight,
    kColon,
    kBefore,
    kBeforeTight,
    kAfter,
    kClose,
    kNext,
    kNextTight
};
constexpr uint32_t kPhases = 16;

uint32_t state_of(Phase phase, uint32_t index = 0) { return phase + index * kPhases; }

// What an object has had: members, and which (any order) or up to where (as written).
struct ObjectBook {
    const ObjectShape& shape;
    bool any_order;
    std::vector<uint32_t> words;

    ObjectBook(const ObjectShape& s, bool any, const std::vector<uint32_t>* from) : shape(s), any_order(any) {
        words = from != nullptr ? *from : std::vector<uint32_t>(1 + (any ? (s.n_named + 31) / 32 : 1));
    }
    uint32_t members() const { return words[0]; }
    bool had(uint32_t named) const {
        return any_order ? ((words[1 + named / 32] >> (named % 32)) & 1) != 0 : named < words[1];
    }
    uint32_t required_left() const {
        uint32_t left = 0;
        for (uint32_t i = 0; i < shape.n_named; ++i) left += shape.classes[i].required && !had(i) ? 1 : 0;
        return left;
    }
    uint32_t named_left() const {
        if (!any_order) return shape.n_named - std::min(words[1], shape.n_named);
        uint32_t seen = 0;
        for (size_t i = 1; i < words.size(); ++i) seen += static_cast<uint32_t>(std::popcount(words[i]));
        return shape.n_named - seen;
    }
    bool may_close() const { return members() >= shape.min && required_left() == 0; }
    void take(uint32_t index) {
        const uint32_t last = std::max(shape.min, shape.max == UINT32_MAX ? 0 : shape.max);
        words[0] = std::min(words[0] + 1, last);
        if (!any_order) {
            words[1] = std::min(index + 1, shape.n_named);
        } else if (index < shape.n_named) {
            words[1 + index / 32] |= 1u << (index % 32);
        }
    }
    // Whether a member of this class may come next, so that the object can still end.
    bool may_take(uint32_t index) const {
        const bool named = index < shape.n_named;
        if (named && had(index)) return false;
        if (members() >= shape.max) return false;
        if (!any_order) {
            for (uint32_t i = words[1]; i < std::min(index, shape.n_named); ++i)
                if (shape.classes[i].required) return false;
        }
        ObjectBook after = *this;
        after.take(index);
        if (shape.max != UINT32_MAX && uint64_t{members()} + 1 + after.required_left() > shape.max)
            return false;
        const bool open_end = shape.classes.size() > shape.n_named;
        return open_end || uint64_t{members()} + 1 + after.named_left() >= shape.min;
    }
    bool may_take_any() const {
        for (uint32_t i = 0; i < shape.classes.size(); ++i)
            if (may_take(i)) return true;
        return false;
    }
};

// What an array has had: items, how many of them count for each `contains`, which of the distinct values.
struct ArrayBook {
    const ArrayShape& shape;
    std::vector<uint32_t> words;  // items, contains …, bits of distinct values

    ArrayBook(const ArrayShape& s, const std::vector<uint32_t>* from) : shape(s) {
        words = from != nullptr ? *from : std::vector<uint32_t>(3 + s.contains.size());
    }
    uint32_t items() const { return words[0]; }
    const std::vector<ArrayShape::Item>& position() const {
        static const std::vector<ArrayShape::Item> kNone;
        if (shape.positions.empty()) return kNone;
        return shape.positions[std::min<size_t>(items(), shape.positions.size() - 1)];
    }
    uint64_t values_had() const { return words[words.size() - 2] | (uint64_t{words.back()} << 32); }
    void take(const ArrayShape::Item& item) {
        const uint32_t last = std::max({static_cast<uint32_t>(shape.positions.size()), shape.min,
                                        shape.max == UINT32_MAX ? 0 : shape.max});
        words[0] = std::min(words[0] + 1, last);
        for (size_t i = 0; i < shape.contains.size(); ++i) {
            if (((item.contains >> i) & 1) == 0) continue;
            const auto& bound = shape.contains[i];
            const uint32_t cap = bound.max == UINT32_MAX ? bound.min : bound.max + 1;
            words[1 + i] = std::min(words[1 + i] + 1, cap);
        }
        if (item.unique == 0) return;
        const uint32_t bit = item.unique - 1;
        words[words.size() - 2 + bit / 32] |= 1u << (bit % 32);
    }
    bool may_close() const {
        if (items() < shape.min) return false;
        for (size_t i = 0; i < shape.contains.size(); ++i)
            if (words[1 + i] < shape.contains[i].min) return false;
        return true;
    }
    // It must be distinct, and has been.
    bool repeats(const ArrayShape::Item& item) const {
        return item.unique != 0 && ((values_had() >> (item.unique - 1)) & 1) != 0;
    }
    bool may_take(const ArrayShape::Item& item) const {
        if (items() >= shape.max || repeats(item)) return false;
        ArrayBook after = *this;
        after.take(item);
        if (after.has_too_many()) return false;
        for (size_t i = 0; i < shape.contains.size(); ++i) {
            const auto& bound = shape.contains[i];
            const uint64_t missing = bound.min - std::min(bound.min, after.words[1 + i]);
            if (shape.max != UINT32_MAX && uint64_t{items()} + 1 + missing > shape.max) return false;
        }
        return shape.contains.empty() || after.can_end();
    }
    // Whether what `contains` asks for can still come, position by position; looked for in a bounded number
    // of ways, beyond which it is taken to be so.
    bool can_end() const {
        std::set<std::vector<uint32_t>> seen;
        return can_end(seen, 0);
    }
    bool can_end(std::set<std::vector<uint32_t>>& looked_at, size_t depth) const {
        constexpr size_t kWaysMax = 2000, kDepthMax = 200;
        if (may_close() || looked_at.size() >= kWaysMax || depth >= kDepthMax) return true;
        if (!looked_at.insert(words).second || items() >= shape.max) return false;
        return std::ranges::any_of(position(), [&](const ArrayShape::Item& item) {
            ArrayBook after = *this;
            after.take(item);
            return !repeats(item) && !after.has_too_many() && after.can_end(looked_at, depth + 1);
        });
    }
    bool has_too_many() const {
        for (size_t i = 0; i < shape.contains.size(); ++i)
            if (words[1 + i] > shape.contains[i].max) return true;
        return false;
    }
    bool may_take_any() const {
        return std::ranges::any_of(position(), [this](const auto& item) { return may_take(item); });
    }
};

}  // namespace

bool has_text(const ArrayShape& shape) { return ArrayBook(shape, nullptr).can_end(); }

void NodeTable::members(const NodeKey& key, Node& out) {
    const ObjectShape& shape = grammar_->objects[key.rule];
    const ObjectBook book(shape, options_.any_key_order, key.count != 0 ? &seen_[key.count - 1] : nullptr);
    for (uint32_t i = 0; i < shape.classes.size(); ++i) {
        if (!book.may_take(i)) continue;
        out.calls.push_back({find({Kind::kQuote, shape.classes[i].keys, 0, 0}),
                             find({Kind::kObject, key.rule, state_of(kColon, i), key.count})});
    }
}

// The walk that objects and arrays have in common: brackets, commas, and the space between them.
template <class Book, class Members>
void NodeTable::expand_container(const NodeKey& key, const Book& book, Members members, Node& out) {
    const bool is_object = key.kind == Kind::kObject;
    const auto byte = [](char c) { return static_cast<uint8_t>(c); };
    const auto at = [&](Phase to) {
        return find({key.kind, key.rule, state_of(to, key.state / kPhases), key.count});
    };
    const auto edge = [&](char c, uint32_t to) { out.edges.push_back({byte(c), byte(c), to}); };
    const auto close = [&] {
        if (book.may_close()) edge(is_object ? '}' : ']', done());
    };
    switch (static_cast<Phase>(key.state % kPhases)) {
        case kOpen:
            return edge(is_object ? '{' : '[', at(kFirst));
        case kFirst:
            out.calls.push_back({space(), at(kFirstTight)});
            [[fallthrough]];
        case kFirstTight:
            close();
            return members();
        case kAfter:
            if (book.may_take_any()) edge(',', at(kNext));
            if (book.may_close()) out.calls.push_back({space(), at(kClose)});
            [[fallthrough]];
        case kClose:
            return close();
        case kNext:
            out.calls.push_back({space(), at(kNextTight)});
            [[fallthrough]];
        default:
            return members();
    }
}

void NodeTable::expand_object(const NodeKey& key, Node& out) {
    const ObjectShape& shape = grammar_->objects[key.rule];
    const uint32_t index = key.state / kPhases;
    const auto at = [&](Phase to) { return find({Kind::kObject, key.rule, state_of(to, index), key.count}); };
    ObjectBook book(shape, options_.any_key_order, key.count != 0 ? &seen_[key.count - 1] : nullptr);
    switch (static_cast<Phase>(key.state % kPhases)) {  // between a key and its value
        case kColon:
            out.edges.push_back({':', ':', at(kBefore)});
            return;
        case kBefore:
            out.calls.push_back({space(), at(kBeforeTight)});
            [[fallthrough]];
        case kBeforeTight: {
            book.take(index);
            const uint32_t had = seen(book.words) + 1;
            out.calls.push_back({find({Kind::kValue, shape.classes[index].value, 0, 0}),
                                 find({Kind::kObject, key.rule, state_of(kAfter), had})});
            return;
        }
        default:
            return expand_container(key, book, [&] { members(key, out); }, out);
    }
}

void NodeTable::items(const NodeKey& key, Node& out) {
    const ArrayBook book(grammar_->arrays[key.rule], key.count != 0 ? &seen_[key.count - 1] : nullptr);
    for (const ArrayShape::Item& item : book.position()) {
        if (!book.may_take(item)) continue;
        ArrayBook after = book;
        after.take(item);
        out.calls.push_back({find({Kind::kValue, item.value, 0, 0}),
                             find({Kind::kArray, key.rule, state_of(kAfter), seen(after.words) + 1})});
    }
}

void NodeTable::expand_array(const NodeKey& key, Node& out) {
    const ArrayBook book(grammar_->arrays[key.rule], key.count != 0 ? &seen_[key.count - 1] : nullptr);
    expand_container(key, book, [&] { items(key, out); }, out);
}

}  // namespace airframe
