#include "airframe/engine/dry.h"

#include <algorithm>

namespace airframe {

BreakerWatch::BreakerWatch(std::vector<std::string> breakers, const Tokenizer& tokenizer)
    : breakers_(std::move(breakers)), tokenizer_(tokenizer) {
    for (const std::string& breaker : breakers_) tail_max_ = std::max(tail_max_, breaker.size() - 1);
    text_.reserve(tail_max_ + 256);
}

void BreakerWatch::follow(std::span<const TokenId> tokens) {
    for (; seen_ < tokens.size(); ++seen_) {
        if (text_.size() > tail_max_) text_.erase(0, text_.size() - tail_max_);
        const size_t tail = text_.size();
        text_ += tokenizer_.token_bytes(tokens[seen_], true);
        const bool broken = std::ranges::any_of(breakers_, [&](const std::string& breaker) {
            const size_t at = text_.rfind(breaker);
            return at != std::string::npos && at + breaker.size() > tail;
        });
        since_ = broken ? 0 : since_ + 1;
    }
}

void find_repetitions(std::span<const TokenId> window, int32_t shortest, int32_t longest,
                      std::vector<int32_t>& lengths, std::vector<Repetition>& out) {
    out.clear();
    const size_t n = window.size();
    if (n < 2 || longest < shortest) return;
    // The Z function of the window read backwards: lengths[i] tokens before position n - i equal the last
    // ones.
    const auto back = [&](size_t i) { return window[n - 1 - i]; };
    lengths.assign(n, 0);
    for (size_t i = 1, begin = 0, end = 0; i < n; ++i) {
        size_t length = 0;
        if (i < end) length = std::min(end - i, static_cast<size_t>(lengths[i - begin]));
        while (i + length < n && back(length) == back(i + length)) ++length;
        lengths[i] = static_cast<int32_t>(length);
        if (i + length > end) begin = i, end = i + length;
        const int32_t counted = std::min(lengths[i], longest);
        if (counted >= shortest) out.push_back({back(i - 1), counted});
    }
    std::ranges::sort(out, [](const Repetition& a, const Repetition& b) {
        return a.next != b.next ? a.next < b.next : a.length > b.length;
    });
    const auto rest = std::ranges::unique(out, {}, &Repetition::next);
    out.erase(rest.begin(), rest.end());
}

}  // namespace airframe
