// Fill in the middle: the prompt that asks a model for the text of a gap.
#pragma once

#include <string_view>
#include <vector>

#include "airframe/text/tokenizer.h"
#include "base/result.h"

namespace airframe {

// The tokens of "before, gap, after" in the order in which models are trained to see them: prefix, suffix,
// middle, each behind its own token of the vocabulary (Bavarian et al. 2022). The texts are plain: tokens
// spelled in them stay text. A begin token, where the model wants one, goes in front. Errors: kUnsupported
// when the vocabulary lacks one of the three tokens.
base::Result<std::vector<TokenId>> fill_in_prompt(const Tokenizer& tokenizer, std::string_view before,
                                                  std::string_view after);

}  // namespace airframe
