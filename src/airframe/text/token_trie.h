// TokenTrie: the texts of a vocabulary's tokens as a trie, in depth-first order; and, once for all grammars,
// which tokens a string of JSON without bounds may go on with. Immutable to its users, any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "airframe/text/tokenizer.h"

namespace airframe {

// What tokens make of the inside of a string of JSON from one state of its automaton, lengths aside.
struct StringTokens {
    struct Exit {
        uint32_t at;     // node of the trie: here the closing quote has come
        uint32_t chars;  // characters of the string before it
    };
    // Tokens that end inside, by need: the least number of characters, from here, of a string that begins
    // with them.
    std::vector<TokenId> inside;
    std::vector<uint32_t> upto;  // [n]: how many of them need at most n characters
    std::vector<uint64_t> all;   // bits of all of them
    std::vector<Exit> exits;
};

class TokenTrie {
  public:
    struct Node {
        uint32_t end;          // behind the last node below this one
        uint32_t first_token;  // in tokens(); this node's end where the next node's begin
        uint8_t byte;
        uint8_t depth;  // 0: the root, which stands first; 1: the first byte of a token
    };
    static constexpr size_t kTokenBytesMax = 255;  // longer ones are left out
    // A control token is this byte, which no UTF-8 has, and its name: only a grammar that means it allows it.
    static constexpr char kControlByte = '\xFF';

    // Unknown and unused tokens, those that end the generation and those that stand for nothing are left out.
    static std::shared_ptr<const TokenTrie> create(const Tokenizer& tokenizer);

    std::span<const Node> nodes() const { return std::span(nodes_).first(nodes_.size() - 1); }
    std::span<const TokenId> tokens(size_t node) const {
        return std::span(tokens_).subspan(nodes_[node].first_token,
                                          nodes_[node + 1].first_token - nodes_[node].first_token);
    }
    size_t mask_words() const { return mask_words_; }
    std::string_view text(TokenId id) const {  // empty: left out
        return texts_[static_cast<size_t>(id)];
    }
    std::span<const TokenId> end_tokens() const { return end_tokens_; }
    // Of a string that goes on with any text. `make` is called the first time.
    template <class Make>
    const StringTokens& plain_string(Make make) const {
        std::call_once(plain_once_, [&] { plain_ = make(); });
        return plain_;
    }

  private:
    void add(std::string_view last, TokenId id, std::vector<uint32_t>& open);

    std::vector<Node> nodes_;  // one more stands at the end
    std::vector<TokenId> tokens_, end_tokens_;
    std::vector<std::string> texts_;
    size_t mask_words_ = 0;
    mutable std::once_flag plain_once_;
    mutable StringTokens plain_;
};

}  // namespace airframe
