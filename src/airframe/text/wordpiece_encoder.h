// WordPieceEncoder: BERT's tokenizer: normalize, split into words, spell each word with the longest tokens
// from the left; a word that cannot be spelled is one unknown token. In GGUF, tokens that begin a word have a
// space in front. Method: Wu et al. (2016); normalization as BERT's BasicTokenizer (Devlin et al., 2018). Any
// thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "airframe/gguf/metadata.h"
#include "airframe/text/vocab.h"

namespace airframe {

class WordPieceEncoder {
  public:
    struct Normalization {
        bool lowercase = true;
        bool strip_accents = true;
    };

    // REQUIRES: `vocab` outlives the encoder.
    WordPieceEncoder(const Vocab& vocab, Normalization normalization)
        : vocab_(vocab), normalization_(normalization) {}

    // Errors: kBadFile (a key is no bool).
    static base::Result<Normalization> read_normalization(const Metadata& metadata);

    void encode(std::string_view text, std::vector<TokenId>& out) const;

  private:
    struct Word;

    void take_character(char32_t character, Word& word, std::vector<TokenId>& out) const;
    std::string_view longest_token(std::string_view text, size_t bytes_min) const;
    void finish(Word& word, std::vector<TokenId>& out) const;

    const Vocab& vocab_;
    Normalization normalization_;
};

}  // namespace airframe
