#include "airframe/text/text_scan.h"

#include <algorithm>
#include <bitset>
#include <utility>

#include "airframe/text/token_trie.h"
#include "base/check.h"

namespace airframe {

namespace {

static_assert(TextScan::kLastByte + 1 == static_cast<uint8_t>(TokenTrie::kControlByte));
constexpr uint32_t kBytes = 256;

}  // namespace

TextScan::TextScan(GrammarBuilder& builder, Options options) : builder_(builder), options_(options) {
    edge(state(), 0, kLastByte, kAnywhere);
}

TextScan::State TextScan::state() {
    states_.emplace_back();
    return static_cast<State>(states_.size() - 1);
}

TextScan::State TextScan::text(State from, std::string_view text) {
    if (text.empty()) return from;
    const State to = state();
    this->text(from, text, to);
    return to;
}

void TextScan::text(State from, std::string_view text, State to) {
    CHECK(!text.empty(), "nothing stands between two states");
    for (size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<uint8_t>(text[i]);
        const State next = i + 1 == text.size() ? to : state();
        edge(from, byte, byte, next);
        from = next;
    }
}

void TextScan::edge(State from, uint8_t lo, uint8_t hi, State to) {
    states_[from].edges.push_back({lo, hi, to});
}

void TextScan::loop(State at, std::string_view bytes) {
    for (const char c : bytes) edge(at, static_cast<uint8_t>(c), static_cast<uint8_t>(c), at);
}

TextScan::Place TextScan::place(std::vector<State> starts) {
    starts.push_back(kAnywhere);
    return place_of(std::move(starts));
}

TextScan::Place TextScan::place_of(Set set) {
    std::ranges::sort(set);
    set.erase(std::ranges::unique(set).begin(), set.end());
    const auto [known, is_new] = places_.try_emplace(std::move(set), Place{});
    if (!is_new) return known->second;
    known->second = builder_.place();
    // Inside the name of a control token there is no text.
    if (options_.may_end && known->first.front() == kAnywhere) builder_.accept(known->second);
    waiting_.push_back(known);
    return known->second;
}

void TextScan::finish() {
    while (!waiting_.empty()) {
        const auto next = waiting_.back();
        waiting_.pop_back();
        expand(next->first, next->second);
    }
}

// Bytes between two cuts lead to the same states.
void TextScan::expand(const Set& set, Place from) {
    std::bitset<kBytes + 1> cuts;
    std::vector<Edge> edges;
    for (const State state : set) {
        for (const Edge& edge : states_[state].edges) {
            edges.push_back(edge);
            cuts.set(edge.lo);
            cuts.set(edge.hi + 1u);
        }
    }
    cuts.set(kBytes);
    for (uint32_t lo = 0; lo < kBytes;) {
        uint32_t next = lo + 1;
        while (!cuts[next]) ++next;
        Set to;
        for (const Edge& edge : edges)
            if (edge.lo <= lo && lo <= edge.hi) to.push_back(edge.to);
        if (!to.empty()) lead(from, static_cast<uint8_t>(lo), static_cast<uint8_t>(next - 1), std::move(to));
        lo = next;
    }
}

void TextScan::lead(Place from, uint8_t lo, uint8_t hi, Set to) {
    bool is_found = false, is_refused = false;
    for (const State state : to) {
        is_refused = is_refused || states_[state].refused;
        for (const Place place : states_[state].found) {
            is_found = true;
            builder_.bytes(from, lo, hi, place);
        }
    }
    if (!is_found && !is_refused) builder_.bytes(from, lo, hi, place_of(std::move(to)));
}

}  // namespace airframe
