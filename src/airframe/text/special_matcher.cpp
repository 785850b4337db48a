#include "airframe/text/special_matcher.h"

#include <algorithm>

namespace airframe {
namespace {

// Longer "special" texts are damage, and would make a match cost more than it should.
constexpr size_t kSpecialBytesMax = 1024;

bool is_special(TokenKind kind) {
    return kind == TokenKind::kControl || kind == TokenKind::kUnknown || kind == TokenKind::kUserDefined;
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

SpecialMatcher::SpecialMatcher(const Vocab& vocab, SpecialSpaces spaces)
    : vocab_(vocab), spaces_(std::move(spaces)) {
    for (TokenId id = 0; id < vocab.size(); ++id) {
        const std::string_view text = vocab.text(id);
        if (!is_special(vocab.kind(id)) || text.empty() || text.size() > kSpecialBytesMax) continue;
        trie_.add(text, id);
        const auto first = static_cast<unsigned char>(text[0]);
        begins_any_[first] = true;
        if (vocab.kind(id) == TokenKind::kUserDefined) begins_user_[first] = true;
    }
}

std::optional<SpecialMatch> SpecialMatcher::Pass::next(size_t from) {
    const auto& begins = options_.parse_special ? matcher_.begins_any_ : matcher_.begins_user_;
    for (size_t at = from; at < text_.size(); ++at) {
        if (!begins[static_cast<unsigned char>(text_[at])]) continue;
        if (const auto match = longest_at(at)) return with_spaces(*match, from);
    }
    return std::nullopt;
}

std::optional<SpecialMatch> SpecialMatcher::Pass::longest_at(size_t begin) {
    std::optional<SpecialMatch> longest;
    uint32_t node = ByteTrie::kRoot;
    for (size_t at = begin; at < text_.size(); ++at) {
        node = matcher_.trie_.child(node, text_[at]);
        if (node == ByteTrie::kNone) break;
        const TokenId id = matcher_.trie_.value(node);
        if (id < 0) continue;
        const bool always = matcher_.vocab_.kind(id) == TokenKind::kUserDefined;
        if (always || (options_.parse_special && is_trusted(begin, at + 1))) longest = {begin, at + 1, id};
    }
    return longest;
}

SpecialMatch SpecialMatcher::Pass::with_spaces(SpecialMatch match, size_t from) const {
    if (std::ranges::binary_search(matcher_.spaces_.left, match.id))
        while (match.begin > from && is_space(text_[match.begin - 1])) --match.begin;
    if (std::ranges::binary_search(matcher_.spaces_.right, match.id))
        while (match.end < text_.size() && is_space(text_[match.end])) ++match.end;
    return match;
}

bool SpecialMatcher::Pass::is_trusted(size_t begin, size_t end) {
    const auto ranges = options_.untrusted;
    while (range_ < ranges.size() && ranges[range_].end <= begin) ++range_;
    return range_ == ranges.size() || ranges[range_].begin >= end;
}

}  // namespace airframe
