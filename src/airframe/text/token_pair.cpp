#include "airframe/text/token_pair.h"

namespace airframe {

TokenPair encode_pair(const Tokenizer& tokenizer, std::string_view first, std::string_view second) {
    constexpr std::string_view kWordPiece = "bert";  // tokenizer.ggml.model
    const SpecialTokens& special = tokenizer.special();
    const std::optional<TokenId> separator = special.sep ? special.sep : special.eos;
    const std::optional<TokenId> begin = special.cls ? special.cls : special.bos;
    const size_t between = tokenizer.model_name() == kWordPiece ? 1 : 2;

    TokenPair pair;
    const auto append = [&](std::string_view text, size_t separators) {
        const std::vector<TokenId> ids = tokenizer.encode(text, {});
        pair.tokens.insert(pair.tokens.end(), ids.begin(), ids.end());
        if (separator) pair.tokens.insert(pair.tokens.end(), separators, *separator);
    };
    if (begin) pair.tokens.push_back(*begin);
    append(first, between);
    pair.second_from = static_cast<int32_t>(pair.tokens.size());
    append(second, 1);
    return pair;
}

}  // namespace airframe
