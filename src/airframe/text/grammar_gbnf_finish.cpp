// The last step of GBNF: from nodes with empty steps to those of the automaton.
#include <algorithm>

#include "airframe/text/grammar_budget.h"
#include "airframe/text/grammar_gbnf.h"

namespace airframe {
namespace {

using base::Result;

// Takes the empty steps out and checks that the grammar can be walked and ends.
class GbnfFinisher {
  public:
    explicit GbnfFinisher(const GbnfRules& rules) : rules_(rules), nodes_(rules.nodes) {}

    Result<GrammarPtr> finish() {
        TRY_VOID(find_possible());
        for (size_t r = 0; r < rules_.rules.size(); ++r)
            if (!ends_[rules_.rules[r].begin])
                return gbnf_error(
                    rules_.text, rules_.rules[r].first_use,
                    fmt::format("the rule '{}' never ends: it always needs itself", rules_.rules[r].name));
        TRY_VOID(find_nullable());
        TRY_VOID(check_left_recursion());
        auto grammar = std::make_shared<Grammar>();
        for (uint32_t n = 0; n < nodes_.size(); ++n) TRY_VOID(make_node(n, grammar->bytes.emplace_back()));
        grammar->start = {NodeKey::Kind::kByte, rules_.rules[rules_.root].begin, 0, 0};
        return grammar;
    }

  private:
    // ends_: nodes from which their rule's end can be reached by finite texts.
    Result<void> find_possible() {
        ends_.assign(nodes_.size(), false);
        for (const GbnfRule& rule : rules_.rules) ends_[rule.end] = true;
        for (bool changed = true; changed;) {
            changed = false;
            TRY_VOID(budget_.spend(nodes_.size() / 4));
            for (size_t n = nodes_.size(); n-- > 0;) {
                if (ends_[n] || !can_end(nodes_[n])) continue;
                ends_[n] = changed = true;
            }
        }
        return {};
    }
    bool can_end(const GbnfDraft::Node& node) const {
        return std::ranges::any_of(node.edges, [&](const auto& e) { return ends_[e.target]; }) ||
               std::ranges::any_of(node.empty, [&](uint32_t t) { return ends_[t]; }) ||
               std::ranges::any_of(node.calls, [&](const auto& c) {
                   return ends_[c.second] && ends_[rules_.rules[c.first].begin];
               });
    }
    // nullable_: nodes from which their rule's end can be reached by the empty text.
    Result<void> find_nullable() {
        nullable_.assign(nodes_.size(), false);
        for (const GbnfRule& rule : rules_.rules) nullable_[rule.end] = true;
        for (bool changed = true; changed;) {
            changed = false;
            TRY_VOID(budget_.spend(nodes_.size() / 4));
            for (size_t n = nodes_.size(); n-- > 0;) {
                const GbnfDraft::Node& node = nodes_[n];
                if (nullable_[n]) continue;
                const bool can = std::ranges::any_of(node.empty, [&](uint32_t t) { return nullable_[t]; }) ||
                                 std::ranges::any_of(node.calls, [&](const auto& c) {
                                     return nullable_[c.second] && nullable_[rules_.rules[c.first].begin];
                                 });
                if (can) nullable_[n] = changed = true;
            }
        }
        return {};
    }

    // The nodes reached from n by empty steps, rules that may be empty included.
    Result<std::vector<uint32_t>> closure(uint32_t n, bool over_rules) {
        mark_.resize(nodes_.size());
        ++stamp_;
        std::vector<uint32_t> reached{n};
        mark_[n] = stamp_;
        const auto visit = [&](uint32_t target) {
            if (mark_[target] == stamp_ || !ends_[target]) return;
            mark_[target] = stamp_;
            reached.push_back(target);
        };
        for (size_t i = 0; i < reached.size(); ++i) {
            const GbnfDraft::Node& node = nodes_[reached[i]];
            for (const uint32_t target : node.empty) visit(target);
            if (!over_rules) continue;
            for (const auto& [rule, after] : node.calls)
                if (nullable_[rules_.rules[rule].begin]) visit(after);
        }
        TRY_VOID(budget_.spend(reached.size()));
        return reached;
    }

    // A rule that can begin with itself would never read a byte.
    Result<void> check_left_recursion() {
        const size_t n = rules_.rules.size();
        std::vector<std::vector<uint32_t>> begins(n);
        for (size_t r = 0; r < n; ++r) {
            TRY(const auto reached, closure(rules_.rules[r].begin, true));
            for (const uint32_t node : reached)
                for (const auto& call : nodes_[node].calls) begins[r].push_back(call.first);
        }
        std::vector<uint8_t> color(n);  // 1: on the path, 2: done
        for (uint32_t root = 0; root < n; ++root) {
            std::vector<std::pair<uint32_t, size_t>> path;
            if (color[root] == 0) path.emplace_back(root, 0);
            while (!path.empty()) {
                auto& [rule, next] = path.back();
                color[rule] = 1;
                if (next == begins[rule].size()) {
                    color[rule] = 2;
                    path.pop_back();
                    continue;
                }
                const uint32_t child = begins[rule][next++];
                if (color[child] == 1)
                    return gbnf_error(rules_.text, rules_.rules[child].first_use,
                                      fmt::format("the rule '{}' is left-recursive: it can begin with itself",
                                                  rules_.rules[child].name));
                if (color[child] == 0) path.emplace_back(child, 0);
            }
        }
        return {};
    }

    Result<void> make_node(uint32_t n, ByteNode& out) {
        TRY(const auto reached, closure(n, false));
        for (const uint32_t node : reached) {
            for (const auto& edge : nodes_[node].edges)
                if (ends_[edge.target]) out.edges.push_back(edge);
            for (const auto& [rule, after] : nodes_[node].calls)
                if (ends_[after]) out.calls.push_back({rules_.rules[rule].begin, after});
            out.accepts |= is_end(node);
        }
        return budget_.spend(out.edges.size());
    }
    bool is_end(uint32_t node) {
        if (is_end_.empty()) {
            is_end_.assign(nodes_.size(), false);
            for (const GbnfRule& rule : rules_.rules) is_end_[rule.end] = true;
        }
        return is_end_[node];
    }

    const GbnfRules& rules_;
    const std::vector<GbnfDraft::Node>& nodes_;
    Budget budget_;
    std::vector<bool> ends_, nullable_, is_end_;
    std::vector<uint32_t> mark_;
    uint32_t stamp_ = 0;
};

}  // namespace

std::unexpected<base::Error> gbnf_error(std::string_view text, size_t at, std::string_view what) {
    const std::string_view before = text.substr(0, at);
    const auto line = std::ranges::count(before, '\n') + 1;
    const size_t column = at - (before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1);
    return base::fail(base::ErrorCode::kInvalidArgument, "grammar, line {}, column {}: {}", line, column + 1,
                      what);
}

Result<GrammarPtr> finish_gbnf(const GbnfRules& rules) {
    auto grammar = GbnfFinisher(rules).finish();
    if (!grammar && !grammar.error().message.starts_with("grammar"))
        return gbnf_error(rules.text, rules.rules[rules.root].first_use, grammar.error().message);
    return grammar;
}

}  // namespace airframe
