#include "airframe/text/grammar_machine.h"

#include <algorithm>

namespace airframe {
namespace {

uint64_t hash_of(std::span<const GrammarMachine::Top> entries) {
    uint64_t hash = entries.size() + 0x9e3779b97f4a7c15u;
    for (const auto& entry : entries) {
        hash = (hash ^ ((uint64_t{entry.node} << 32) | entry.below)) * 0xff51afd7ed558ccdu;
        hash ^= hash >> 32;
    }
    return hash;
}

}  // namespace

GrammarMachine::GrammarMachine(GrammarPtr grammar, GrammarOptions options)
    : nodes_(std::move(grammar), options) {
    std::vector<Top> entries;
    intern(entries);  // kDead: the empty set
    entries.push_back({kEndNode, kDead});
    const uint32_t bottom = intern(entries);
    std::vector<Top> work{{nodes_.start(), bottom}};
    start_ = close(work);
}

std::span<const GrammarMachine::Top> GrammarMachine::tops(GrammarState state) const {
    return std::span(entries_).subspan(sets_[state].begin, sets_[state].size);
}

bool GrammarMachine::has(GrammarState state, uint32_t node) const {
    for (const Top& top : tops(state)) {
        if (top.node == node) return true;
        if (top.node > kUnknownNode) return false;  // ascending
    }
    return false;
}

// The number of this set. REQUIRES: entries ascending by node, each node once.
uint32_t GrammarMachine::intern(std::vector<Top>& entries) {
    const uint64_t hash = hash_of(entries);
    const auto [begin, end] = by_hash_.equal_range(hash);
    for (auto it = begin; it != end; ++it) {
        const auto same = [](const Top& a, const Top& b) { return a.node == b.node && a.below == b.below; };
        if (std::ranges::equal(tops(it->second), entries, same)) return it->second;
    }
    if (memory_bytes() > kMemoryMax) {
        exhausted_ = true;
        return kDead;
    }
    const auto id = static_cast<uint32_t>(sets_.size());
    sets_.push_back(
        {.begin = static_cast<uint32_t>(entries_.size()), .size = static_cast<uint32_t>(entries.size())});
    entries_.insert(entries_.end(), entries.begin(), entries.end());
    by_hash_.emplace(hash, id);
    return id;
}

// Stacks of either set.
uint32_t GrammarMachine::unite(uint32_t a, uint32_t b) {
    if (a == b) return a;
    if (exhausted_) return kDead;
    const uint64_t pair = (uint64_t{std::min(a, b)} << 32) | std::max(a, b);
    const auto known = united_.find(pair);
    if (known != united_.end()) return known->second;
    const auto in_a = tops(a), in_b = tops(b);
    std::vector<Top> entries(in_a.begin(), in_a.end());
    const std::vector<Top> others(in_b.begin(), in_b.end());
    for (const Top& other : others) join(entries, other);
    const uint32_t both = intern(entries);
    united_.emplace(pair, both);
    return both;
}

void GrammarMachine::join(std::vector<Top>& entries, Top entry) {
    const auto it = std::ranges::lower_bound(entries, entry.node, {}, &Top::node);
    if (it == entries.end() || it->node != entry.node) {
        entries.insert(it, entry);
    } else {
        it->below = unite(it->below, entry.below);
    }
}

// The set of stacks whose tops take a byte, reached from `work` by calls and returns alone.
GrammarState GrammarMachine::close(std::vector<Top>& work) {
    std::vector<Top> out;      // tops that take bytes, and the markers
    std::vector<Top> visited;  // ascending by node: all that has been looked at
    for (size_t i = 0; i < work.size() && !exhausted_; ++i) {
        const Top top = work[i];
        if (i > kWorkMax) exhausted_ = true;
        if (is_marker(top.node)) {
            join(out, top);
            continue;
        }
        const auto known = std::ranges::lower_bound(visited, top.node, {}, &Top::node);
        const bool before = known != visited.end() && known->node == top.node;
        const uint32_t old_below = before ? known->below : kDead;
        join(visited, top);
        const uint32_t below = std::ranges::lower_bound(visited, top.node, {}, &Top::node)->below;
        if (before && below == old_below) continue;
        const Node node = nodes_.node(top.node);
        if (!node.edges.empty()) join(out, top);
        if (node.accepts) {
            const auto under = tops(top.below);
            work.insert(work.end(), under.begin(), under.end());
        }
        for (const auto& call : node.calls) {
            uint32_t under = top.below;
            if (!nodes_.node(call.after).only_ends()) {
                std::vector<Top> frame{{call.after, top.below}};
                under = intern(frame);
            }
            work.push_back({call.callee, under});
        }
    }
    return exhausted_ ? kDead : intern(out);
}

GrammarState GrammarMachine::compute(GrammarState state, uint8_t byte) {
    std::vector<Top> work;
    const std::vector<Top> from(tops(state).begin(), tops(state).end());
    for (const Top& top : from) {
        for (const auto& edge : nodes_.node(top.node).edges)
            if (edge.lo <= byte && byte <= edge.hi) work.push_back({edge.target, top.below});
    }
    return work.empty() ? kDead : close(work);
}

GrammarState GrammarMachine::slow_step(GrammarState state, uint8_t byte) {
    const Set& set = sets_[state];
    for (int i = 0; set.row < 0 && i < set.n_known; ++i)
        if (set.known_bytes[i] == byte) return set.known[i];
    if (exhausted_) return kDead;
    const GrammarState next = compute(state, byte);
    remember(state, byte, next);
    return next;
}

void GrammarMachine::remember(GrammarState state, uint8_t byte, GrammarState next) {
    Set& set = sets_[state];
    if (set.row < 0 && set.n_known < std::size(set.known)) {
        set.known_bytes[set.n_known] = byte;
        set.known[set.n_known++] = next;
        return;
    }
    if (set.row < 0) {
        set.row = static_cast<int32_t>(rows_.size());
        rows_.emplace_back().fill(kUnknownStep);
        for (int i = 0; i < set.n_known; ++i) rows_.back()[set.known_bytes[i]] = set.known[i];
    }
    rows_[static_cast<size_t>(set.row)][byte] = next;
}

GrammarState GrammarMachine::walk(GrammarState state, std::string_view text) {
    for (const char c : text) {
        if (state == kDead) return kDead;
        state = step(state, static_cast<uint8_t>(c));
    }
    return state;
}

GrammarState GrammarMachine::alone(uint32_t node) {
    const auto [it, fresh] = alone_.try_emplace(node, kDead);
    if (!fresh) return it->second;
    std::vector<Top> unknown{{kUnknownNode, kDead}};
    std::vector<Top> only{{node, intern(unknown)}};
    const GrammarState state = intern(only);
    alone_[node] = state;
    return state;
}

std::optional<GrammarMachine::InString> GrammarMachine::inside_string(GrammarState state) {
    const Set& set = sets_[state];
    if (set.size != 1) return std::nullopt;
    const Top top = entries_[set.begin];
    const auto place = nodes_.string_place(top.node);
    return place ? std::optional(InString{*place, top.below}) : std::nullopt;
}

GrammarState GrammarMachine::after_pop(uint32_t below) {
    if (sets_[below].after_pop != UINT32_MAX) return sets_[below].after_pop;
    std::vector<Top> work(tops(below).begin(), tops(below).end());
    const GrammarState state = close(work);
    sets_[below].after_pop = state;
    return state;
}

}  // namespace airframe
