#include "airframe/text/grammar_dfa.h"

#include <algorithm>
#include <deque>
#include <map>
#include <numeric>
#include <unordered_map>

#include "base/utf8.h"

namespace airframe {
namespace {

using base::Result;

constexpr uint32_t kNone = Dfa::kNone;

// The states whose edges lead to each state.
class Sources {
  public:
    explicit Sources(const Dfa& dfa) : begin_(dfa.states.size() + 1) {
        for (const auto& state : dfa.states)
            for (const auto& edge : state.edges) ++begin_[edge.target + 1];
        std::partial_sum(begin_.begin(), begin_.end(), begin_.begin());
        list_.resize(begin_.back());
        std::vector<uint32_t> next = begin_;
        for (uint32_t s = 0; s < dfa.states.size(); ++s)
            for (const auto& edge : dfa.states[s].edges) list_[next[edge.target]++] = s;
    }
    std::span<const uint32_t> of(uint32_t state) const {
        return std::span(list_).subspan(begin_[state], begin_[state + 1] - begin_[state]);
    }

  private:
    std::vector<uint32_t> begin_, list_;
};

// Keeps the states that lead to an accepted text, numbered in breadth-first order.
Dfa trimmed(const Dfa& dfa) {
    const size_t n = dfa.states.size();
    const Sources sources(dfa);
    std::vector<bool> useful(n);
    std::vector<uint32_t> work;
    for (uint32_t s = 0; s < n; ++s) {
        if (!dfa.states[s].accepts) continue;
        useful[s] = true;
        work.push_back(s);
    }
    while (!work.empty()) {
        const uint32_t s = work.back();
        work.pop_back();
        for (const uint32_t source : sources.of(s)) {
            if (useful[source]) continue;
            useful[source] = true;
            work.push_back(source);
        }
    }
    Dfa out;
    if (n == 0 || !useful[0]) return out;
    std::vector<uint32_t> number(n, kNone), order{0};
    number[0] = 0;
    for (size_t i = 0; i < order.size(); ++i) {
        Dfa::State state;
        state.accepts = dfa.states[order[i]].accepts;
        for (const auto& edge : dfa.states[order[i]].edges) {
            if (!useful[edge.target]) continue;
            if (number[edge.target] == kNone) {
                number[edge.target] = static_cast<uint32_t>(order.size());
                order.push_back(edge.target);
            }
            append_edge(state.edges, {edge.lo, edge.hi, number[edge.target]});
        }
        out.states.push_back(std::move(state));
    }
    return out;
}

// Walks two edge lists side by side: visit(lo, hi, target of a or kNone, target of b or kNone).
template <class Visit>
void sweep(std::span<const Dfa::Edge> a, std::span<const Dfa::Edge> b, Visit visit) {
    size_t i = 0, j = 0;
    char32_t at = 0;
    while (i < a.size() || j < b.size()) {
        const char32_t a_lo = i < a.size() ? std::max(a[i].lo, at) : UINT32_MAX;
        const char32_t b_lo = j < b.size() ? std::max(b[j].lo, at) : UINT32_MAX;
        const char32_t lo = std::min(a_lo, b_lo);
        const bool in_a = a_lo == lo, in_b = b_lo == lo;
        char32_t hi = std::min(in_a ? a[i].hi : a_lo - 1, in_b ? b[j].hi : b_lo - 1);
        visit(lo, hi, in_a ? a[i].target : kNone, in_b ? b[j].target : kNone);
        at = hi + 1;
        if (i < a.size() && a[i].hi < at) ++i;
        if (j < b.size() && b[j].hi < at) ++j;
    }
}

bool alive(uint32_t a, uint32_t b, DfaOp op) {
    if (op == DfaOp::kAnd) return a != kNone && b != kNone;
    return op == DfaOp::kMinus ? a != kNone : a != kNone || b != kNone;
}

bool accepts_both(bool a, bool b, DfaOp op) {
    if (op == DfaOp::kAnd) return a && b;
    return op == DfaOp::kMinus ? a && !b : a || b;
}

bool takes_all(const Dfa& dfa) {
    static const Dfa kAll = any_text();
    return dfa == kAll;
}

const Dfa::State& state_or_dead(const Dfa& dfa, uint32_t state) {
    static const Dfa::State kDead{};
    return state == kNone ? kDead : dfa.states[state];
}

// One round of refinement: the class of a state by its own class and those its edges lead to.
size_t refine(const Dfa& dfa, std::vector<uint32_t>& classes) {
    std::map<std::vector<uint32_t>, uint32_t> known;
    std::vector<uint32_t> refined(dfa.states.size());
    std::vector<uint32_t> signature;
    std::vector<Dfa::Edge> merged;
    for (size_t s = 0; s < dfa.states.size(); ++s) {
        merged.clear();
        for (const auto& edge : dfa.states[s].edges)
            append_edge(merged, {edge.lo, edge.hi, classes[edge.target]});
        signature.assign(1, classes[s]);
        for (const auto& edge : merged) signature.insert(signature.end(), {edge.lo, edge.hi, edge.target});
        refined[s] = known.try_emplace(signature, static_cast<uint32_t>(known.size())).first->second;
    }
    classes = std::move(refined);
    return known.size();
}

// The fewest states for a list of words in ascending order, made while they come: behind the last word's path
// nothing changes any more (Daciuk, Mihov, Watson, Watson 2000).
class WordsBuilder {
  public:
    WordsBuilder() : path_(1), slots_(1024, kNone) { dfa_.states.emplace_back(); }

    void add(std::string_view word) {
        size_t at = 0, depth = 0;
        while (at < word.size() && depth + 1 < path_.size()) {
            size_t next = at;
            if (path_[depth].edges.back().lo != base::next_code_point(word, next)) break;
            at = next;
            ++depth;
        }
        freeze(depth);
        while (at < word.size()) {
            const char32_t c = base::next_code_point(word, at);
            path_.back().edges.push_back({c, c, kNone});
            path_.emplace_back();
        }
        path_.back().accepts = true;
    }
    Dfa finish() {
        freeze(0);
        dfa_.states[0] = merged(path_[0]);
        return std::move(dfa_);
    }

  private:
    // The path's states below `depth` get their numbers.
    void freeze(size_t depth) {
        for (; path_.size() > depth + 1; path_.pop_back()) {
            const uint32_t number = number_of(merged(path_.back()));
            path_[path_.size() - 2].edges.back().target = number;
        }
    }
    static Dfa::State merged(const Dfa::State& state) {
        Dfa::State out{{}, state.accepts};
        for (const Dfa::Edge& edge : state.edges) append_edge(out.edges, edge);
        out.edges.shrink_to_fit();
        return out;
    }
    uint32_t number_of(Dfa::State state) {
        if (dfa_.states.size() * 2 > slots_.size()) grow();
        uint32_t& slot = slots_[slot_of(state)];
        if (slot == kNone) {
            slot = static_cast<uint32_t>(dfa_.states.size());
            dfa_.states.push_back(std::move(state));
        }
        return slot;
    }
    size_t slot_of(const Dfa::State& state) const {
        uint64_t hash = state.accepts ? 1 : 0;
        for (const Dfa::Edge& edge : state.edges) {
            hash = (hash ^ ((uint64_t{edge.lo} << 32) | edge.target)) * 0xff51afd7ed558ccdu;
            hash ^= hash >> 32;
        }
        const size_t mask = slots_.size() - 1;
        size_t at = hash & mask;
        while (slots_[at] != kNone && !(dfa_.states[slots_[at]] == state)) at = (at + 1) & mask;
        return at;
    }
    void grow() {
        slots_.assign(slots_.size() * 2, kNone);
        for (uint32_t i = 1; i < dfa_.states.size(); ++i) slots_[slot_of(dfa_.states[i])] = i;
    }

    std::vector<Dfa::State> path_;  // of the last word
    Dfa dfa_;
    std::vector<uint32_t> slots_;  // by hash: numbers of states
};

// Large ones, which are lists of words, have the fewest states already.
Result<Dfa> reduced(const Dfa& dfa, Budget& budget) {
    constexpr size_t kStatesMax = 20'000;
    Dfa out = trimmed(dfa);
    if (out.states.size() > kStatesMax) return out;
    return simplified(std::move(out), budget);
}

}  // namespace

void append_edge(std::vector<Dfa::Edge>& edges, const Dfa::Edge& edge) {
    if (!edges.empty() && edges.back().target == edge.target && edges.back().hi + 1 == edge.lo) {
        edges.back().hi = edge.hi;
        return;
    }
    edges.push_back(edge);
}

uint32_t Dfa::next(uint32_t state, char32_t c) const {
    const auto& edges = states[state].edges;
    const auto it = std::ranges::lower_bound(edges, c, {}, &Edge::hi);
    return it != edges.end() && it->lo <= c ? it->target : kNone;
}

bool Dfa::accepts(std::string_view text) const {
    if (empty()) return false;
    uint32_t state = 0;
    for (size_t at = 0; at < text.size() && state != kNone;)
        state = next(state, base::next_code_point(text, at));
    return state != kNone && states[state].accepts;
}

Result<Dfa> combine(const Dfa& a, const Dfa& b, DfaOp op, Budget& budget) {
    Dfa out;
    const uint32_t a0 = a.empty() ? kNone : 0, b0 = b.empty() ? kNone : 0;
    if (!alive(a0, b0, op)) return out;
    if (b.empty() || (op == DfaOp::kAnd && takes_all(b))) return reduced(a, budget);
    if (a.empty() || (op == DfaOp::kAnd && takes_all(a))) return reduced(b, budget);
    std::unordered_map<uint64_t, uint32_t> numbers;
    std::vector<std::pair<uint32_t, uint32_t>> pairs;
    const auto number = [&](uint32_t x, uint32_t y) {
        const auto [it, fresh] =
            numbers.try_emplace((uint64_t{x} << 32) | y, static_cast<uint32_t>(pairs.size()));
        if (fresh) pairs.emplace_back(x, y);
        return it->second;
    };
    number(a0, b0);
    for (size_t i = 0; i < pairs.size(); ++i) {
        const auto [x, y] = pairs[i];
        const Dfa::State &sx = state_or_dead(a, x), &sy = state_or_dead(b, y);
        Dfa::State state;
        state.accepts = accepts_both(sx.accepts, sy.accepts, op);
        sweep(sx.edges, sy.edges, [&](char32_t lo, char32_t hi, uint32_t tx, uint32_t ty) {
            if (alive(tx, ty, op)) append_edge(state.edges, {lo, hi, number(tx, ty)});
        });
        TRY_VOID(budget.spend(1 + state.edges.size()));
        out.states.push_back(std::move(state));
    }
    return simplified(trimmed(out), budget);
}

Result<Dfa> simplified(Dfa dfa, Budget& budget) {
    constexpr int kRoundsMax = 40;  // a long chain would take as many rounds as it has states
    const size_t n = dfa.states.size();
    std::vector<uint32_t> classes(n);
    for (size_t s = 0; s < n; ++s) classes[s] = dfa.states[s].accepts ? 1 : 0;
    size_t count = 0;
    for (int round = 0; round < kRoundsMax && count < n; ++round) {
        TRY_VOID(budget.spend(n));
        const size_t refined = refine(dfa, classes);
        if (refined != count) {
            count = refined;
            continue;
        }
        Dfa small;
        small.states.resize(count);
        std::vector<bool> done(count);
        for (size_t s = 0; s < n; ++s) {
            if (done[classes[s]]) continue;
            done[classes[s]] = true;
            Dfa::State& state = small.states[classes[s]];
            state.accepts = dfa.states[s].accepts;
            for (const auto& edge : dfa.states[s].edges)
                append_edge(state.edges, {edge.lo, edge.hi, classes[edge.target]});
        }
        return trimmed(small);
    }
    return trimmed(dfa);
}

Dfa any_text() {
    Dfa dfa;
    dfa.states.push_back({{{0, 0xD7FF, 0}, {0xE000, 0x10FFFF, 0}}, true});
    return dfa;
}

Result<Dfa> words(std::span<const std::string> list, Budget& budget) {
    if (list.empty()) return Dfa{};
    std::vector<std::string_view> sorted(list.begin(), list.end());
    std::ranges::sort(sorted);  // by bytes: the order of the characters too
    WordsBuilder builder;
    for (const std::string_view word : sorted) {
        TRY_VOID(budget.spend(word.size() / 2 + 1));  // most words share their ends with others
        builder.add(word);
    }
    return builder.finish();
}

Result<Dfa> text_of_length(uint32_t min, uint32_t max, Budget& budget) {
    const uint32_t last = max == UINT32_MAX ? min : max;
    if (min > max) return Dfa{};
    Dfa dfa;
    for (uint32_t n = 0; n <= last; ++n) {
        TRY_VOID(budget.spend(3));
        Dfa::State state;
        state.accepts = n >= min;
        const uint32_t target = n < last ? n + 1 : n;
        if (n < last || max == UINT32_MAX) state.edges = {{0, 0xD7FF, target}, {0xE000, 0x10FFFF, target}};
        dfa.states.push_back(std::move(state));
        if (n == UINT32_MAX) break;
    }
    return dfa;
}

std::vector<uint32_t> shortest_ends(const Dfa& dfa) {
    const Sources sources(dfa);
    std::vector<uint32_t> distance(dfa.states.size(), kNone);
    std::deque<uint32_t> work;
    for (uint32_t s = 0; s < dfa.states.size(); ++s) {
        if (!dfa.states[s].accepts) continue;
        distance[s] = 0;
        work.push_back(s);
    }
    for (; !work.empty(); work.pop_front()) {
        for (const uint32_t source : sources.of(work.front())) {
            if (distance[source] != kNone) continue;
            distance[source] = distance[work.front()] + 1;
            work.push_back(source);
        }
    }
    return distance;
}

uint32_t longest_text(const Dfa& dfa) {
    // States in topological order; one that is never reached by it lies on or behind a cycle.
    std::vector<uint32_t> incoming(dfa.states.size()), depth(dfa.states.size());
    for (const auto& state : dfa.states)
        for (const auto& edge : state.edges) ++incoming[edge.target];
    std::vector<uint32_t> work;
    if (!dfa.empty() && incoming[0] == 0) work.push_back(0);
    size_t done = 0;
    uint32_t longest = 0;
    while (!work.empty()) {
        const uint32_t s = work.back();
        work.pop_back();
        ++done;
        if (dfa.states[s].accepts) longest = std::max(longest, depth[s]);
        for (const auto& edge : dfa.states[s].edges) {
            depth[edge.target] = std::max(depth[edge.target], depth[s] + 1);
            if (--incoming[edge.target] == 0) work.push_back(edge.target);
        }
    }
    return done == dfa.states.size() ? longest : kNone;
}

std::vector<std::string> texts_if_few(const Dfa& dfa, size_t max) {
    std::vector<std::string> out;
    if (dfa.empty() || longest_text(dfa) == kNone) return out;
    std::vector<std::pair<uint32_t, std::string>> work{{0, ""}};
    for (size_t i = 0; i < work.size(); ++i) {
        const auto [s, text] = work[i];
        if (dfa.states[s].accepts) out.push_back(text);
        for (const auto& edge : dfa.states[s].edges) {
            if (edge.hi - edge.lo > max || work.size() > 64 * max) return {};
            for (char32_t c = edge.lo; c <= edge.hi; ++c) {
                work.emplace_back(edge.target, text);
                base::append_utf8(work.back().second, c);
            }
        }
        if (out.size() > max) return {};
    }
    return out;
}

}  // namespace airframe
