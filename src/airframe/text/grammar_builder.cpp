#include "airframe/text/grammar_builder.h"

#include <utility>
#include <vector>

#include "base/check.h"

namespace airframe {
namespace {

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from) {
    to.insert(to.end(), from.begin(), from.end());
}

// Where the rules of another grammar begin in this one.
struct Offsets {
    uint32_t dfas, strings, values, objects, arrays, bytes;
    explicit Offsets(const Grammar& into)
        : dfas(static_cast<uint32_t>(into.dfas.size())),
          strings(static_cast<uint32_t>(into.strings.size())),
          values(static_cast<uint32_t>(into.values.size())),
          objects(static_cast<uint32_t>(into.objects.size())),
          arrays(static_cast<uint32_t>(into.arrays.size())),
          bytes(static_cast<uint32_t>(into.bytes.size())) {}

    void move(ValueRule& rule) const {
        if (rule.number != UINT32_MAX) rule.number += dfas;
        if (rule.string != UINT32_MAX) rule.string += strings;
        for (uint32_t& array : rule.arrays) array += arrays;
        for (uint32_t& object : rule.objects) object += objects;
    }
    void move(ObjectShape& shape) const {
        for (KeyClass& keys : shape.classes) {
            keys.keys += strings;
            keys.value += values;
        }
    }
    void move(ArrayShape& shape) const {
        for (auto& position : shape.positions)
            for (ArrayShape::Item& item : position) item.value += values;
    }
    void move(ByteNode& node) const {
        for (auto& edge : node.edges) edge.target += bytes;
        for (auto& call : node.calls) {
            call.callee += bytes;
            call.after += bytes;
        }
        for (auto& use : node.uses) {
            use.rule = moved(use.rule);
            use.after += bytes;
        }
    }
    NodeKey moved(NodeKey key) const {
        switch (key.kind) {
            case NodeKey::Kind::kByte:
                key.rule += bytes;
                return key;
            case NodeKey::Kind::kText:
                key.rule += dfas;
                return key;
            case NodeKey::Kind::kValue:
                key.rule += values;
                return key;
            default:
                CHECK(false, "a grammar begins with a rule of kind {}", static_cast<int>(key.kind));
        }
    }
};

template <class T>
void move_all(std::vector<T>& rules, size_t from, const Offsets& offsets) {
    for (size_t i = from; i < rules.size(); ++i) offsets.move(rules[i]);
}

}  // namespace

GrammarBuilder::Place GrammarBuilder::place() {
    grammar_->bytes.emplace_back();
    return static_cast<Place>(grammar_->bytes.size() - 1);
}

GrammarBuilder::Place GrammarBuilder::text(Place from, std::string_view text) {
    if (text.empty()) return from;
    const Place to = place();
    this->text(from, text, to);
    return to;
}

void GrammarBuilder::text(Place from, std::string_view text, Place to) {
    CHECK(!text.empty(), "nothing stands between two places");
    for (size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<uint8_t>(text[i]);
        const Place next = i + 1 == text.size() ? to : place();
        grammar_->bytes[from].edges.push_back({byte, byte, next});
        from = next;
    }
}

void GrammarBuilder::use(Place from, const NodeKey& rule, Place to) {
    grammar_->bytes[from].uses.push_back({rule, to});
}

void GrammarBuilder::join(Place from, Place to) {
    const Place nothing = place();
    accept(nothing);
    use(from, rule(nothing), to);
}

NodeKey GrammarBuilder::add(const Grammar& other) { return add(other, {}); }

NodeKey GrammarBuilder::add(const Grammar& other, const Variant& variant) {
    Grammar& into = *grammar_;
    const Offsets offsets(into);
    append(into.dfas, other.dfas);
    append(into.strings, other.strings);
    append(into.values, other.values);
    append(into.objects, other.objects);
    append(into.arrays, other.arrays);
    append(into.bytes, other.bytes);
    for (size_t i = offsets.strings; i < into.strings.size(); ++i) into.strings[i].dfa += offsets.dfas;
    move_all(into.values, offsets.values, offsets);
    move_all(into.objects, offsets.objects, offsets);
    move_all(into.arrays, offsets.arrays, offsets);
    move_all(into.bytes, offsets.bytes, offsets);
    for (size_t i = offsets.values; i < into.values.size(); ++i) into.values[i].python = variant.python;
    NodeKey start = offsets.moved(other.start);
    if (!variant.only_objects) return start;
    CHECK(start.kind == NodeKey::Kind::kValue, "objects are texts of a JSON Schema");
    ValueRule objects{.objects = into.values[start.rule].objects};
    objects.python = variant.python;
    start.rule = static_cast<uint32_t>(into.values.size());
    into.values.push_back(std::move(objects));
    return start;
}

NodeKey GrammarBuilder::add(Dfa dfa) {
    grammar_->dfas.push_back(std::move(dfa));
    return {NodeKey::Kind::kText, static_cast<uint32_t>(grammar_->dfas.size() - 1), 0, 0};
}

GrammarPtr GrammarBuilder::finish(Place start) {
    grammar_->start = rule(start);
    return std::exchange(grammar_, std::make_shared<Grammar>());
}

}  // namespace airframe
