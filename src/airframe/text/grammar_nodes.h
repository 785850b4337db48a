// NodeTable: the nodes of a Grammar with their edges, made when first asked for. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "airframe/text/grammar.h"

namespace airframe {

struct GrammarOptions {
    bool any_key_order =
        false;  // else the keys of an object come as the schema writes them, further ones last
};

struct Node : ByteNode {
    bool expanded = false;
    bool only_ends() const { return accepts && edges.empty() && calls.empty(); }
};

// Some array is of this shape. REQUIRES: all its items have texts.
bool has_text(const ArrayShape& shape);

class NodeTable {
  public:
    NodeTable(GrammarPtr grammar, GrammarOptions options);

    const Node& node(uint32_t id);  // valid until the next call
    uint32_t find(const NodeKey& key);
    uint32_t start() { return find(grammar_->start); }
    // Where a node stands inside a string of JSON, between characters.
    struct StringPlace {
        uint32_t twin;  // the same place in a string of any length
        uint32_t room;  // characters that may still come, UINT32_MAX: any number
        uint32_t lack;  // … that must
        bool plain;     // any text may follow
    };
    std::optional<StringPlace> string_place(uint32_t id);
    // The fewest characters to the end of the string, from a node inside a twin; one that has begun is not
    // counted.
    uint32_t string_rest(uint32_t id) const;
    size_t size() const { return keys_.size(); }

  private:
    static constexpr uint32_t kFree = UINT32_MAX;  // count of a string whose length does not matter

    // What the remaining bits of a character lead to: ascending, disjoint ranges of values to nodes.
    struct Span {
        uint32_t lo, hi, target;
        friend bool operator==(const Span&, const Span&) = default;
    };
    enum class Units : uint8_t { kUtf8, kHex };
    struct Partial {
        Units units;
        uint8_t left;  // bytes
        std::vector<Span> spans;
        friend bool operator==(const Partial&, const Partial&) = default;
    };
    struct Hash {
        size_t operator()(const NodeKey& key) const;
    };

    void expand(const NodeKey& key, Node& out);
    void expand_text(const NodeKey& key, Node& out);
    void expand_string(const NodeKey& key, Node& out);
    void expand_escape(const NodeKey& key, Node& out);
    void expand_partial(const NodeKey& key, Node& out);
    void expand_value(const NodeKey& key, Node& out);
    void expand_object(const NodeKey& key, Node& out);
    void expand_array(const NodeKey& key, Node& out);
    template <class Book, class Members>
    void expand_container(const NodeKey& key, const Book& book, Members members, Node& out);
    void expand_space(const NodeKey& key, Node& out);
    void members(const NodeKey& key, Node& out);
    void items(const NodeKey& key, Node& out);

    std::vector<Span> targets(const NodeKey& key);
    void add_characters(const std::vector<Span>& spans, bool in_string, Node& out);
    void add_lead(uint8_t byte, std::vector<Span> spans, uint8_t left, Node& out);
    uint32_t partial(Units units, uint8_t left, std::vector<Span> spans);
    uint32_t seen(std::vector<uint32_t> words);
    uint32_t done() { return find({}); }
    uint32_t space() { return find({NodeKey::Kind::kSpace, 0, 0, 0}); }

    GrammarPtr grammar_;
    GrammarOptions options_;
    std::vector<uint32_t> twins_;  // by string set: the first one with the same automaton
    std::vector<NodeKey> keys_;
    std::vector<Node> nodes_;
    std::unordered_map<NodeKey, uint32_t, Hash> ids_;
    std::vector<Partial> partials_;
    std::unordered_multimap<uint64_t, uint32_t> partial_ids_;
    std::vector<std::vector<uint32_t>> seen_;
    std::unordered_multimap<uint64_t, uint32_t> seen_ids_;
};

}  // namespace airframe
