// Which tokens have a role: begin, end of turn, fill-in-the-middle, … by metadata keys first, by well-known
// texts second. Two tables hold all knowledge (special_tokens.cpp). Pure function; any thread.
#pragma once

#include <span>
#include <string_view>

#include "airframe/gguf/metadata.h"
#include "airframe/text/tokenizer.h"
#include "base/result.h"

namespace airframe {

// Reads roles for the vocabulary `pieces`. Tokens that begin or end a text must not be spelled by users:
// where a file calls such a token ordinary, its entry in `kinds` becomes kControl. Errors: kBadFile naming
// the key (begin or end token outside the vocabulary, a value that is no integer).
base::Result<SpecialTokens> load_special_tokens(const Metadata& metadata,
                                                std::span<const std::string_view> pieces,
                                                std::span<TokenKind> kinds);

}  // namespace airframe
