// UnigramEncoder: SentencePiece's unigram language model (T5, XLM-R): of all ways to spell the normalized
// text with tokens, the one with the greatest sum of scores. Method: Kudo (2018), Viterbi. Time is linear in
// the text. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "airframe/text/byte_trie.h"
#include "airframe/text/charsmap.h"
#include "airframe/text/vocab.h"

namespace airframe {

class UnigramEncoder {
  public:
    // REQUIRES: `vocab` has scores and outlives the encoder.
    UnigramEncoder(const Vocab& vocab, Charsmap charsmap);

    // Appends the tokens of `text`. `at_start`: a space prefix belongs in front, where the vocabulary wants
    // one.
    void encode(std::string_view text, bool at_start, std::vector<TokenId>& out) const;

  private:
    struct Best;  // the best spelling up to one place

    std::string normalized(std::string_view text, bool at_start) const;
    void extend(std::string_view text, size_t at, std::vector<Best>& best) const;

    const Vocab& vocab_;
    Charsmap charsmap_;
    ByteTrie trie_;
    double unknown_score_ = 0;
};

}  // namespace airframe
