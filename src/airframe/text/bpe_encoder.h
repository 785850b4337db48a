// BpeEncoder: byte-pair encoding of text: pre-tokenize, then merge each piece by rank. Two spellings of
// vocabularies: byte-level (GPT-2 and most models since) and SentencePiece's (Gemma 4: characters, byte
// fallback). Any thread.
#pragma once

#include <string_view>
#include <vector>

#include "airframe/text/bpe_merger.h"
#include "airframe/text/merge_table.h"
#include "airframe/text/pretokenizer.h"
#include "airframe/text/text_runs.h"
#include "airframe/text/vocab.h"

namespace airframe {

class BpeEncoder {
  public:
    // REQUIRES: kind is kByteBpe or kPieceBpe; `vocab` outlives the encoder.
    BpeEncoder(const Vocab& vocab, TokenizerKind kind, MergeTable merges, const PretokenizerSpec& spec);

    // Appends the tokens of `text`, any bytes. `at_start`: a space prefix belongs in front, where the
    // vocabulary wants one.
    void encode(std::string_view text, bool at_start, std::vector<TokenId>& out) const;

  private:
    struct Job;  // the scratch memory of one encode()

    void encode_runs(std::string_view text, Job& job) const;
    void encode_piece(std::string_view piece, Job& job) const;
    void encode_word(std::string_view word, Job& job) const;
    void append_symbols(std::string_view word, std::vector<TokenId>& symbols) const;

    const Vocab& vocab_;
    const bool byte_level_;
    const bool whole_piece_first_;
    MergeTable merges_;
    Pretokenizer pretokenizer_;
    SpaceCuts cuts_;
    WholeTokens whole_;
};

}  // namespace airframe
