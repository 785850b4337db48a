// Two texts as one list of tokens, as models that compare pairs of texts read them.
#pragma once

#include <string_view>
#include <vector>

#include "airframe/text/tokenizer.h"

namespace airframe {

struct TokenPair {
    std::vector<TokenId> tokens;
    int32_t second_from;  // where the second text begins, behind its separators
};

// BERT (Devlin et al. 2018): [CLS] first [SEP] second [SEP]. RoBERTa (Liu et al. 2019), whose vocabularies
// are not WordPiece: <s> first </s></s> second </s>. Control tokens written in the texts are text.
TokenPair encode_pair(const Tokenizer& tokenizer, std::string_view first, std::string_view second);

}  // namespace airframe
