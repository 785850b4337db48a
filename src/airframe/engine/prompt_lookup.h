// Prompt lookup: a draft out of the text itself. What followed an earlier occurrence of the newest tokens is
// likely to follow them again: quotes, code that is edited, lists (Saxena 2023). Pure function.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "airframe/text/tokenizer.h"

namespace airframe {

// Up to `most` tokens that came after the longest earlier occurrence (the latest among equals) of the last 2
// to 8 tokens; nothing when there is none. Looks back 16,384 tokens.
inline void look_up_draft(std::span<const TokenId> tokens, size_t most, std::vector<TokenId>& draft) {
    constexpr size_t kShortest = 2, kLongest = 8, kWindow = 16384;
    draft.clear();
    if (most == 0 || tokens.size() <= kShortest) return;
    tokens = tokens.last(std::min(tokens.size(), kWindow));
    size_t best = kShortest - 1, best_end = 0;
    for (size_t end = tokens.size() - 1; end > 0 && best < kLongest; --end) {
        if (tokens[end - 1] != tokens.back()) continue;
        size_t length = 1;
        while (length < kLongest && length < end &&
               tokens[end - 1 - length] == tokens[tokens.size() - 1 - length])
            ++length;
        if (length <= best) continue;
        best = length;
        best_end = end;
    }
    if (best < kShortest) return;
    const auto found = tokens.subspan(best_end, std::min(most, tokens.size() - best_end));
    draft.assign(found.begin(), found.end());
}

}  // namespace airframe
