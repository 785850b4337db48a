#include "airframe/text/regex_compile.h"

#include <algorithm>
#include <map>

#include "airframe/text/regex_parse.h"

namespace airframe {
namespace {

using base::Result;

// Thompson's construction. Anchors are empty steps that may only be taken at the border of the text.
struct Nfa {
    enum class Step : uint8_t { kFree, kAtBegin, kAtEnd };
    struct State {
        CharSet set;
        uint32_t target = 0;  // after a character of set
        std::vector<std::pair<Step, uint32_t>> empty;
    };
    std::vector<State> states;

    uint32_t add() {
        states.emplace_back();
        return static_cast<uint32_t>(states.size() - 1);
    }
    void link(uint32_t from, uint32_t to, Step step = Step::kFree) {
        states[from].empty.emplace_back(step, to);
    }
};

class NfaBuilder {
  public:
    NfaBuilder(const RegexTree& tree, Nfa& nfa, Budget& budget) : tree_(tree), nfa_(nfa), budget_(budget) {}

    // What stands in node `index`, from `begin`; gives the state after it.
    Result<uint32_t> build(uint32_t index, uint32_t begin) {
        TRY_VOID(budget_.spend(2 * (4)));
        const RegexNode& node = tree_.nodes[index];
        switch (node.kind) {
            case RegexNode::Kind::kSet: {
                const uint32_t end = nfa_.add();
                nfa_.states[begin].set = node.set;
                nfa_.states[begin].target = end;
                const uint32_t after = nfa_.add();
                nfa_.link(end, after);
                return after;
            }
            case RegexNode::Kind::kConcat:
                for (const uint32_t child : node.children) {
                    TRY(begin, build(child, begin));
                }
                return begin;
            case RegexNode::Kind::kAlternatives: {
                const uint32_t end = nfa_.add();
                for (const uint32_t child : node.children) {
                    TRY(const uint32_t after, build(child, fresh(begin)));
                    nfa_.link(after, end);
                }
                return end;
            }
            case RegexNode::Kind::kRepeat:
                return repeat(node, begin);
            case RegexNode::Kind::kBegin:
            case RegexNode::Kind::kEnd: {
                const uint32_t end = nfa_.add();
                nfa_.link(begin, end,
                          node.kind == RegexNode::Kind::kBegin ? Nfa::Step::kAtBegin : Nfa::Step::kAtEnd);
                return end;
            }
        }
        return begin;
    }

  private:
    uint32_t fresh(uint32_t from) {
        const uint32_t state = nfa_.add();
        nfa_.link(from, state);
        return state;
    }
    Result<uint32_t> repeat(const RegexNode& node, uint32_t begin) {
        const uint32_t child = node.children[0];
        for (uint32_t i = 0; i < node.min; ++i) {
            TRY(begin, build(child, fresh(begin)));
        }
        if (node.max == RegexNode::kUnbounded) {
            const uint32_t loop = fresh(begin);
            TRY(const uint32_t after, build(child, fresh(loop)));
            nfa_.link(after, loop);
            return fresh(loop);
        }
        const uint32_t end = nfa_.add();
        for (uint32_t i = node.min; i < node.max; ++i) {
            nfa_.link(begin, end);
            TRY(begin, build(child, fresh(begin)));
        }
        nfa_.link(begin, end);
        return end;
    }

    const RegexTree& tree_;
    Nfa& nfa_;
    Budget& budget_;
};

class SubsetConstruction {
  public:
    SubsetConstruction(const Nfa& nfa, uint32_t final, Budget& budget)
        : nfa_(nfa), final_(final), budget_(budget), mark_(nfa.states.size()) {}

    Result<Dfa> run(uint32_t start) {
        Dfa dfa;
        TRY(Set first, closure({start}, Nfa::Step::kAtBegin));
        number(std::move(first));
        for (size_t i = 0; i < sets_.size(); ++i) {
            Dfa::State state;
            TRY(const Set at_end, closure(*sets_[i], Nfa::Step::kAtEnd));
            state.accepts = std::ranges::binary_search(at_end, final_);
            // At the very beginning both anchors may hold, in an empty text.
            TRY_VOID(edges_of(*sets_[i], state));
            dfa.states.push_back(std::move(state));
        }
        return dfa;
    }

  private:
    using Set = std::vector<uint32_t>;

    uint32_t number(Set set) {
        const auto [it, fresh] = numbers_.try_emplace(std::move(set), static_cast<uint32_t>(sets_.size()));
        if (fresh) sets_.push_back(&it->first);
        return it->second;
    }

    Result<Set> closure(Set set, Nfa::Step border) {
        ++stamp_;
        for (const uint32_t s : set) mark_[s] = stamp_;
        for (size_t i = 0; i < set.size(); ++i) {
            for (const auto& [step, target] : nfa_.states[set[i]].empty) {
                if ((step != Nfa::Step::kFree && step != border) || mark_[target] == stamp_) continue;
                mark_[target] = stamp_;
                set.push_back(target);
            }
        }
        TRY_VOID(budget_.spend(2 * (set.size())));
        std::ranges::sort(set);
        return set;
    }

    // Between two borders of the sets' ranges every character leads to the same states.
    Result<void> edges_of(const Set& set, Dfa::State& out) {
        std::vector<std::pair<char32_t, std::pair<bool, uint32_t>>> borders;
        for (const uint32_t s : set) {
            for (const CharRange& range : nfa_.states[s].set) {
                borders.push_back({range.lo, {true, nfa_.states[s].target}});
                borders.push_back({range.hi + 1, {false, nfa_.states[s].target}});
            }
        }
        TRY_VOID(budget_.spend(2 * (borders.size())));
        std::ranges::sort(borders, {}, &decltype(borders)::value_type::first);
        std::map<uint32_t, int> open;
        for (size_t i = 0; i < borders.size();) {
            const char32_t at = borders[i].first;
            for (; i < borders.size() && borders[i].first == at; ++i) {
                int& count = open[borders[i].second.second];
                count += borders[i].second.first ? 1 : -1;
                if (count == 0) open.erase(borders[i].second.second);
            }
            if (open.empty()) continue;
            Set targets;
            for (const auto& entry : open) targets.push_back(entry.first);
            TRY(targets, closure(std::move(targets), Nfa::Step::kFree));
            append_edge(out.edges, {at, borders[i].first - 1, number(std::move(targets))});
        }
        return {};
    }

    const Nfa& nfa_;
    const uint32_t final_;
    Budget& budget_;
    std::vector<uint32_t> mark_;
    uint32_t stamp_ = 0;
    std::map<Set, uint32_t> numbers_;
    std::vector<const Set*> sets_;
};

}  // namespace

Result<Dfa> compile_regex(std::string_view pattern, RegexMatch match, Budget& budget) {
    TRY(const RegexTree tree, parse_regex(pattern));
    const CharSet all = normalized({{0, 0x10FFFF}});
    Nfa nfa;
    const uint32_t start = nfa.add();
    uint32_t begin = start;
    if (match == RegexMatch::kSearch) {
        const uint32_t skip = nfa.add();
        nfa.link(start, skip);
        nfa.states[skip].set = all;
        nfa.states[skip].target = skip;
        begin = nfa.add();
        nfa.link(start, begin);
        nfa.link(skip, begin);
    }
    NfaBuilder builder(tree, nfa, budget);
    TRY(uint32_t end, builder.build(tree.root, begin));
    if (match == RegexMatch::kSearch) {
        const uint32_t rest = nfa.add();
        nfa.link(end, rest);
        nfa.states[rest].set = all;
        nfa.states[rest].target = rest;
        end = nfa.add();
        nfa.link(rest, end);
    }
    TRY(Dfa dfa, SubsetConstruction(nfa, end, budget).run(start));
    TRY(dfa, combine(dfa, any_text(), DfaOp::kAnd, budget));  // trims it
    return dfa;
}

}  // namespace airframe
