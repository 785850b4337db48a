#include "airframe/text/token_trie.h"

#include <algorithm>

namespace airframe {
namespace {

// What the token adds to a text, as grammars see it; nothing: it is never allowed.
std::string text_of(const Tokenizer& tokenizer, TokenId id) {
    if (tokenizer.ends_generation(id)) return {};
    switch (tokenizer.kind(id)) {
        case TokenKind::kNormal:
        case TokenKind::kUserDefined:
        case TokenKind::kByte:
            return tokenizer.token_bytes(id);
        case TokenKind::kControl:
            return TokenTrie::kControlByte + tokenizer.token_bytes(id, true);
        case TokenKind::kUnknown:
        case TokenKind::kUnused:
            return {};
    }
    return {};
}

}  // namespace

std::shared_ptr<const TokenTrie> TokenTrie::create(const Tokenizer& tokenizer) {
    auto trie = std::make_shared<TokenTrie>();
    const auto size = static_cast<size_t>(tokenizer.vocab_size());
    trie->mask_words_ = (size + 63) / 64;
    trie->end_tokens_ = tokenizer.special().end_of_generation;
    trie->texts_.resize(size);
    std::vector<TokenId> order;
    for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
        std::string text = text_of(tokenizer, id);
        if (text.empty() || text.size() > kTokenBytesMax) continue;
        trie->texts_[static_cast<size_t>(id)] = std::move(text);
        order.push_back(id);
    }
    std::ranges::stable_sort(order, {}, [&](TokenId id) { return trie->text(id); });
    trie->nodes_.push_back({0, 0, 0, 0});
    std::vector<uint32_t> open;  // the nodes of the last text
    std::string_view last;
    for (const TokenId id : order) {
        trie->add(last, id, open);
        last = trie->text(id);
    }
    const auto end = static_cast<uint32_t>(trie->nodes_.size());
    for (const uint32_t node : open) trie->nodes_[node].end = end;
    trie->nodes_[0].end = end;
    trie->nodes_.push_back({end, static_cast<uint32_t>(trie->tokens_.size()), 0, 0});
    return trie;
}

void TokenTrie::add(std::string_view last, TokenId id, std::vector<uint32_t>& open) {
    const std::string_view now = text(id);
    if (now != last) {
        const auto common = static_cast<size_t>(std::ranges::mismatch(last, now).in1 - last.begin());
        for (; open.size() > common; open.pop_back())
            nodes_[open.back()].end = static_cast<uint32_t>(nodes_.size());
        for (size_t i = common; i < now.size(); ++i) {
            open.push_back(static_cast<uint32_t>(nodes_.size()));
            nodes_.push_back({0, static_cast<uint32_t>(tokens_.size()), static_cast<uint8_t>(now[i]),
                              static_cast<uint8_t>(i + 1)});
        }
    }
    tokens_.push_back(id);
}

}  // namespace airframe
