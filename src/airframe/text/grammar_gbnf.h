// What the parser of GBNF hands on: nodes with empty steps, and the rules between them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "airframe/text/grammar.h"

namespace airframe {

// Nodes with empty steps, which are taken out at the end.
struct GbnfDraft {
    struct Node {
        std::vector<ByteNode::Edge> edges;
        std::vector<std::pair<uint32_t, uint32_t>> calls;  // rule, node after it
        std::vector<uint32_t> empty;
    };
    std::vector<Node> nodes;
    uint32_t add() {
        nodes.emplace_back();
        return static_cast<uint32_t>(nodes.size() - 1);
    }
};

struct GbnfRule {
    std::string name;
    uint32_t begin = 0, end = 0;
    bool defined = false;
    size_t first_use = 0;
};

struct GbnfRules {
    const std::vector<GbnfDraft::Node>& nodes;
    const std::vector<GbnfRule>& rules;
    uint32_t root = 0;
    std::string_view text;  // as written, for errors
};

// An error at a byte of the text, by line and column.
std::unexpected<base::Error> gbnf_error(std::string_view text, size_t at, std::string_view what);
// Takes the empty steps out. Errors: a rule that never ends, left recursion, a grammar over the budget.
base::Result<GrammarPtr> finish_gbnf(const GbnfRules& rules);

}  // namespace airframe
