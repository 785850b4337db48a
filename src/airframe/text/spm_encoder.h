// SpmEncoder: SentencePiece's BPE: neighbouring symbols whose joint text is a token merge, the best score
// first, the leftmost among equals; what is no token falls back to bytes. Method: Kudo and Richardson (2018).
// Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "airframe/text/text_runs.h"
#include "airframe/text/vocab.h"

namespace airframe {

class SpmEncoder {
  public:
    // REQUIRES: `vocab` has scores and outlives the encoder.
    explicit SpmEncoder(const Vocab& vocab);

    // Appends the tokens of `text`, any bytes. `at_start`: a space prefix belongs in front, where the
    // vocabulary wants one.
    void encode(std::string_view text, bool at_start, std::vector<TokenId>& out) const;

  private:
    class Merger;

    std::string normalized(std::string_view text, bool at_start) const;

    const Vocab& vocab_;
    SpaceCuts cuts_;
    WholeTokens whole_;
};

}  // namespace airframe
