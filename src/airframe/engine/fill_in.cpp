#include "airframe/engine/fill_in.h"

namespace airframe {

base::Result<std::vector<TokenId>> fill_in_prompt(const Tokenizer& tokenizer, std::string_view before,
                                                  std::string_view after) {
    const SpecialTokens& special = tokenizer.special();
    if (!special.fim_prefix || !special.fim_suffix || !special.fim_middle)
        return base::fail(
            base::ErrorCode::kUnsupported,
            "this model cannot fill in a gap: its vocabulary has no tokens for prefix, suffix and "
            "middle; send the text before the gap only");
    std::vector<TokenId> tokens;
    if (special.add_bos && special.bos) tokens.push_back(*special.bos);
    const auto add = [&](TokenId mark, std::string_view text) {
        tokens.push_back(mark);
        const std::vector<TokenId> ids = tokenizer.encode(text, {});
        tokens.insert(tokens.end(), ids.begin(), ids.end());
    };
    add(*special.fim_prefix, before);
    add(*special.fim_suffix, after);
    tokens.push_back(*special.fim_middle);
    return tokens;
}

}  // namespace airframe
