#include "airframe/text/grammar_nodes.h"

#include <algorithm>

#include "base/check.h"

namespace airframe {
namespace {

using Kind = NodeKey::Kind;

constexpr std::string_view kWords[] = {"null", "true", "false", "None", "True", "False"};
constexpr uint32_t kIndentMax = 64;

uint64_t mix(uint64_t hash, uint64_t value) {
    hash = (hash ^ value) * 0xff51afd7ed558ccdu;
    return hash ^ (hash >> 32);
}

template <class Edges>
void append(Edges& edges, uint8_t lo, uint8_t hi, uint32_t target) {
    if (!edges.empty() && edges.back().target == target && edges.back().hi + 1 == lo) {
        edges.back().hi = hi;
    } else {
        edges.push_back({lo, hi, target});
    }
}

// The part of the spans within [lo, hi], counted from `base`.
template <class Spans>
Spans slice(const Spans& spans, uint32_t lo, uint32_t hi, uint32_t base = 0) {
    Spans out;
    auto it = std::ranges::lower_bound(spans, lo, {}, [](const auto& span) { return span.hi; });
    for (; it != spans.end() && it->lo <= hi; ++it) {
        const uint32_t from = std::max(it->lo, lo) - lo + base, to = std::min(it->hi, hi) - lo + base;
        if (!out.empty() && out.back().target == it->target && out.back().hi + 1 == from) {
            out.back().hi = to;
        } else {
            out.push_back({from, to, it->target});
        }
    }
    return out;
}

bool takes_any_text(const Dfa::State& state, uint32_t number) {
    const auto stays = [&](const Dfa::Edge& edge) { return edge.target == number; };
    return state.accepts && state.edges.size() == 2 && state.edges[0].lo == 0 &&
           state.edges[0].hi == 0xD7FF && state.edges[1].lo == 0xE000 && state.edges[1].hi == 0x10FFFF &&
           std::ranges::all_of(state.edges, stays);
}

void add_hex_edge(uint32_t lo, uint32_t hi, uint32_t target, Node& out) {
    const auto edge = [&](uint32_t first, uint32_t last, char zero) {
        if (lo > last || hi < first) return;
        const uint32_t from = std::max(lo, first) - first, to = std::min(hi, last) - first;
        out.edges.push_back({static_cast<uint8_t>(static_cast<uint32_t>(zero) + from),
                             static_cast<uint8_t>(static_cast<uint32_t>(zero) + to), target});
    };
    edge(0, 9, '0');
    edge(10, 15, 'A');
    edge(10, 15, 'a');
}

}  // namespace

NodeTable::NodeTable(GrammarPtr grammar, GrammarOptions options)
    : grammar_(std::move(grammar)), options_(options) {
    find({Kind::kEnd, 0, 0, 0});
    find({Kind::kUnknown, 0, 0, 0});
    std::unordered_map<uint32_t, uint32_t> first;  // by automaton
    for (uint32_t i = 0; i < grammar_->strings.size(); ++i)
        twins_.push_back(first.try_emplace(grammar_->strings[i].dfa, i).first->second);
}

size_t NodeTable::Hash::operator()(const NodeKey& key) const {
    const uint64_t first = (static_cast<uint64_t>(key.kind) << 32) | key.rule;
    return mix(mix(0x9e3779b97f4a7c15u, first), (uint64_t{key.state} << 32) | key.count);
}

uint32_t NodeTable::find(const NodeKey& key) {
    const auto [it, fresh] = ids_.try_emplace(key, static_cast<uint32_t>(keys_.size()));
    if (fresh) {
        keys_.push_back(key);
        nodes_.emplace_back();
    }
    return it->second;
}

const Node& NodeTable::node(uint32_t id) {
    if (nodes_[id].expanded) return nodes_[id];
    Node fresh;
    fresh.expanded = true;
    expand(NodeKey(keys_[id]), fresh);
    nodes_[id] = std::move(fresh);
    return nodes_[id];
}

void NodeTable::expand(const NodeKey& key, Node& out) {
    switch (key.kind) {
        case Kind::kEnd:
        case Kind::kUnknown:
            return;
        case Kind::kDone:
            out.accepts = true;
            return;
        case Kind::kByte: {
            const ByteNode& node = grammar_->bytes[key.rule];
            for (const auto& edge : node.edges)
                out.edges.push_back({edge.lo, edge.hi, find({Kind::kByte, edge.target, 0, 0})});
            for (const auto& call : node.calls)
                out.calls.push_back(
                    {find({Kind::kByte, call.callee, 0, 0}), find({Kind::kByte, call.after, 0, 0})});
            for (const auto& use : node.uses)
                out.calls.push_back({find(use.rule), find({Kind::kByte, use.after, 0, 0})});
            out.accepts = node.accepts;
            return;
        }
        case Kind::kText:
            return expand_text(key, out);
        case Kind::kQuote:
            out.edges.push_back({'"', '"', find({Kind::kString, key.rule, 0, 0})});
            return;
        case Kind::kString:
            return expand_string(key, out);
        case Kind::kEscape:
            return expand_escape(key, out);
        case Kind::kPartial:
            return expand_partial(key, out);
        case Kind::kLowSlash:
            out.edges.push_back({'\\', '\\', find({Kind::kLowU, key.rule, 0, 0})});
            return;
        case Kind::kLowU:
            out.edges.push_back({'u', 'u', find({Kind::kPartial, key.rule, 0, 0})});
            return;
        case Kind::kWord: {
            const std::string_view word = kWords[key.rule];
            const auto byte = static_cast<uint8_t>(word[key.state]);
            const bool last = key.state + 1 == word.size();
            out.edges.push_back(
                {byte, byte, last ? done() : find({Kind::kWord, key.rule, key.state + 1, 0})});
            return;
        }
        case Kind::kValue:
            return expand_value(key, out);
        case Kind::kObject:
            return expand_object(key, out);
        case Kind::kArray:
            return expand_array(key, out);
        case Kind::kSpace:
            return expand_space(key, out);
    }
}

void NodeTable::expand_text(const NodeKey& key, Node& out) {
    const Dfa::State& state = grammar_->dfas[key.rule].states[key.state];
    std::vector<Span> spans;
    for (const auto& edge : state.edges)
        spans.push_back({edge.lo, edge.hi, find({Kind::kText, key.rule, edge.target, 0})});
    add_characters(spans, false, out);
    out.accepts = state.accepts;
}

// Where each next character of a string leads, as far as the string can still end within its bounds.
std::vector<NodeTable::Span> NodeTable::targets(const NodeKey& key) {
    const StringSet& set = grammar_->strings[key.rule];
    const uint32_t last = set.max == UINT32_MAX ? set.min : set.max;
    const uint32_t count = std::min(key.count + 1, last);
    const bool free = key.count == kFree;
    std::vector<Span> spans;
    if (key.count >= set.max && !free) return spans;
    for (const auto& edge : grammar_->dfas[set.dfa].states[key.state].edges) {
        if (free) {
            spans.push_back({edge.lo, edge.hi, find({Kind::kString, key.rule, edge.target, kFree})});
            continue;
        }
        if (set.max != UINT32_MAX && uint64_t{key.count} + 1 + set.shortest[edge.target] > set.max) continue;
        spans.push_back({edge.lo, edge.hi, find({Kind::kString, key.rule, edge.target, count})});
    }
    return spans;
}

void NodeTable::expand_string(const NodeKey& key, Node& out) {
    const StringSet& set = grammar_->strings[key.rule];
    if (grammar_->dfas[set.dfa].states[key.state].accepts && key.count >= set.min)
        out.edges.push_back({'"', '"', done()});
    const auto spans = targets(key);
    if (!spans.empty())
        out.edges.push_back({'\\', '\\', find({Kind::kEscape, key.rule, key.state, key.count})});
    add_characters(spans, true, out);
}

void NodeTable::expand_escape(const NodeKey& key, Node& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
    const auto spans = targets(key);
    for (size_t i = 0; i < kNames.size(); ++i) {
        const auto value = static_cast<uint32_t>(kValues[i]);
        const auto byte = static_cast<uint8_t>(kNames[i]);
        const auto found = slice(spans, value, value);
        if (!found.empty()) out.edges.push_back({byte, byte, found[0].target});
    }
    std::vector<Span> units = slice(spans, 0, 0xD7FF);
    for (uint32_t high = 0; high < 0x400; ++high) {
        const uint32_t first = 0x10000 + (high << 10);
        auto low = slice(spans, first, first + 0x3FF, 0xDC00);
        if (low.empty()) continue;
        const uint32_t target = find({Kind::kLowSlash, partial(Units::kHex, 4, std::move(low)), 0, 0});
        const uint32_t unit = 0xD800 + high;
        if (!units.empty() && units.back().target == target && units.back().hi + 1 == unit) {
            units.back().hi = unit;
        } else {
            units.push_back({unit, unit, target});
        }
    }
    for (const Span& span : slice(spans, 0xE000, 0xFFFF, 0xE000)) units.push_back(span);
    out.edges.push_back({'u', 'u', find({Kind::kPartial, partial(Units::kHex, 4, std::move(units)), 0, 0})});
}

// Characters as bytes of UTF-8; in a string of JSON without those that must be escaped.
void NodeTable::add_characters(const std::vector<Span>& spans, bool in_string, Node& out) {
    for (const Span& span : slice(spans, 0, 0x7F)) {
        for (uint32_t c = span.lo; c <= span.hi; ++c) {
            const auto byte = static_cast<uint8_t>(c);
            if (in_string && (c < 0x20 || c == '"' || c == '\\')) continue;
            append(out.edges, byte, byte, span.target);
        }
    }
    for (uint32_t lead = 0xC2; lead <= 0xF4; ++lead) {
        const uint8_t left = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
        const uint32_t payload = lead & (0x3Fu >> left);
        const uint32_t first = payload << (6 * left);
        const uint32_t least = left == 1 ? 0x80 : left == 2 ? 0x800 : 0x10000;
        auto inside = slice(spans, std::max(first, least), first + (1u << (6 * left)) - 1,
                            std::max(first, least) - first);
        add_lead(static_cast<uint8_t>(lead), std::move(inside), left, out);
    }
}

void NodeTable::add_lead(uint8_t byte, std::vector<Span> spans, uint8_t left, Node& out) {
    if (spans.empty()) return;
    append(out.edges, byte, byte,
           find({Kind::kPartial, partial(Units::kUtf8, left, std::move(spans)), 0, 0}));
}

uint32_t NodeTable::partial(Units units, uint8_t left, std::vector<Span> spans) {
    uint64_t hash = mix(static_cast<uint64_t>(units), left);
    for (const Span& span : spans) hash = mix(mix(hash, (uint64_t{span.lo} << 32) | span.hi), span.target);
    Partial fresh{units, left, std::move(spans)};
    const auto [begin, end] = partial_ids_.equal_range(hash);
    for (auto it = begin; it != end; ++it)
        if (partials_[it->second] == fresh) return it->second;
    const auto id = static_cast<uint32_t>(partials_.size());
    partials_.push_back(std::move(fresh));
    partial_ids_.emplace(hash, id);
    return id;
}

void NodeTable::expand_partial(const NodeKey& key, Node& out) {
    const Partial whole = partials_[key.rule];
    const bool utf8 = whole.units == Units::kUtf8;
    const auto add = [&](uint32_t lo, uint32_t hi, uint32_t target) {
        if (utf8)
            append(out.edges, static_cast<uint8_t>(0x80 + lo), static_cast<uint8_t>(0x80 + hi), target);
        else
            add_hex_edge(lo, hi, target, out);
    };
    if (whole.left == 1) {
        for (const Span& span : whole.spans) add(span.lo, span.hi, span.target);
        return;
    }
    const uint32_t bits = utf8 ? 6 : 4, width = 1u << (bits * (whole.left - 1u));
    const auto left = static_cast<uint8_t>(whole.left - 1);
    for (uint32_t value = 0; value < (1u << bits); ++value) {
        auto inside = slice(whole.spans, value * width, (value + 1) * width - 1);
        if (inside.empty()) continue;
        add(value, value, find({Kind::kPartial, partial(whole.units, left, std::move(inside)), 0, 0}));
    }
}

void NodeTable::expand_value(const NodeKey& key, Node& out) {
    const ValueRule& rule = grammar_->values[key.rule];
    const uint32_t after = done();
    const auto call = [&](const NodeKey& callee) { out.calls.push_back({find(callee), after}); };
    const uint32_t words = rule.python ? 3 : 0;
    if (rule.null) call({Kind::kWord, words, 0, 0});
    if (rule.yes) call({Kind::kWord, words + 1, 0, 0});
    if (rule.no) call({Kind::kWord, words + 2, 0, 0});
    if (rule.number != UINT32_MAX) call({Kind::kText, rule.number, 0, 0});
    if (rule.string != UINT32_MAX) call({Kind::kQuote, rule.string, 0, 0});
    for (const uint32_t array : rule.arrays) call({Kind::kArray, array, 0, 0});
    for (const uint32_t object : rule.objects) call({Kind::kObject, object, 0, 0});
}

// One space, or a line break and the indentation of the next line.
void NodeTable::expand_space(const NodeKey& key, Node& out) {
    constexpr uint32_t kAfterReturn = kIndentMax + 2;
    const auto at = [&](uint32_t count) { return find({Kind::kSpace, 0, 0, count}); };
    if (key.count == 0) {
        out.edges = {{' ', ' ', done()}, {'\n', '\n', at(1)}, {'\r', '\r', at(kAfterReturn)}};
        return;
    }
    if (key.count == kAfterReturn) {
        out.edges = {{'\n', '\n', at(1)}};
        return;
    }
    out.accepts = true;
    if (key.count > kIndentMax) return;
    const uint32_t next = at(key.count + 1);
    out.edges = {{' ', ' ', next}, {'\t', '\t', next}};
}

uint32_t NodeTable::seen(std::vector<uint32_t> words) {
    uint64_t hash = words.size();
    for (const uint32_t word : words) hash = mix(hash, word);
    const auto [begin, end] = seen_ids_.equal_range(hash);
    for (auto it = begin; it != end; ++it)
        if (seen_[it->second] == words) return it->second;
    const auto id = static_cast<uint32_t>(seen_.size());
    seen_.push_back(std::move(words));
    seen_ids_.emplace(hash, id);
    return id;
}

std::optional<NodeTable::StringPlace> NodeTable::string_place(uint32_t id) {
    const NodeKey key = keys_[id];
    if (key.kind != Kind::kString) return std::nullopt;
    const StringSet& set = grammar_->strings[key.rule];
    const bool free = key.count == kFree;
    StringPlace place{};
    place.twin = find({Kind::kString, twins_[key.rule], key.state, kFree});
    place.room = free || set.max == UINT32_MAX ? UINT32_MAX : set.max - key.count;
    place.lack = free || key.count >= set.min ? 0 : set.min - key.count;
    place.plain = takes_any_text(grammar_->dfas[set.dfa].states[key.state], key.state);
    return place;
}

uint32_t NodeTable::string_rest(uint32_t id) const {
    const NodeKey& key = keys_[id];
    uint32_t least = UINT32_MAX;
    switch (key.kind) {
        case Kind::kString:
            return grammar_->strings[key.rule].shortest[key.state];
        case Kind::kEscape: {
            const StringSet& set = grammar_->strings[key.rule];
            for (const auto& edge : grammar_->dfas[set.dfa].states[key.state].edges)
                least = std::min(least, set.shortest[edge.target]);
            return least;
        }
        case Kind::kLowSlash:
        case Kind::kLowU:
        case Kind::kPartial:
            for (const Span& span : partials_[key.rule].spans)
                least = std::min(least, string_rest(span.target));
            return least;
        default:
            return 0;
    }
}

}  // namespace airframe
