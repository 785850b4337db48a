#include "airframe/text/unigram_encoder.h"

#include <algorithm>
#include <limits>

#include "base/utf8.h"

namespace airframe {
namespace {

constexpr float kUnknownPenalty =
    10;  // SentencePiece's: an unknown character costs this more than the worst token
constexpr char32_t kSpaceSign = 0x2581;
constexpr TokenId kUnknown = -1;  // a character that no token spells

}  // namespace

struct UnigramEncoder::Best {
    double score = -std::numeric_limits<double>::infinity();
    size_t begin = 0;  // of the last token
    TokenId token = kUnknown;
    bool reached = false;
};

UnigramEncoder::UnigramEncoder(const Vocab& vocab, Charsmap charsmap)
    : vocab_(vocab), charsmap_(std::move(charsmap)) {
    float least = 0;
    size_t bytes = 0;
    for (TokenId id = 0; id < vocab.size(); ++id) bytes += vocab.text(id).size();
    trie_.reserve(bytes / 2);  // more than half of all bytes lie on shared beginnings
    for (TokenId id = 0; id < vocab.size(); ++id) {
        if (vocab.kind(id) != TokenKind::kNormal || vocab.text(id).empty()) continue;
        trie_.add(vocab.text(id), id);
        least = std::min(least, vocab.score(id));
    }
    unknown_score_ = least - kUnknownPenalty;
}

// Characters replaced by the map, spaces as the vocabulary wants them; invalid bytes become U+FFFD.
std::string UnigramEncoder::normalized(std::string_view text, bool at_start) const {
    const bool collapse = vocab_.remove_extra_spaces();
    std::string out;
    out.reserve(text.size() + 1);
    const auto append = [&](std::string_view part) {
        for (const char c : part)
            if (c != ' ' || !collapse || (!out.empty() && out.back() != ' ')) out += c;
    };
    std::string character;
    for (size_t at = 0; at < text.size();) {
        if (const auto match = charsmap_.longest_prefix(text.substr(at)); match.bytes > 0) {
            append_with_spaces(match.replacement, character);
            at += match.bytes;
        } else {
            const char32_t code_point = base::next_code_point(text, at);
            base::append_utf8(character, code_point == kSpaceSign ? U' ' : code_point);
        }
        append(character);
        character.clear();
    }
    if (collapse && !out.empty() && out.back() == ' ') out.pop_back();
    if (at_start && vocab_.add_space_prefix() && !out.empty()) out.insert(0, 1, ' ');
    return out;
}

void UnigramEncoder::encode(std::string_view text, bool at_start, std::vector<TokenId>& out) const {
    const std::string spelled = normalized(text, at_start);
    if (spelled.empty()) return;
    std::vector<Best> best(spelled.size() + 1);
    best[0] = {.score = 0, .reached = true};
    for (size_t at = 0; at < spelled.size(); ++at)
        if (best[at].reached) extend(spelled, at, best);

    std::vector<size_t> ends;
    for (size_t end = spelled.size(); end > 0; end = best[end].begin) ends.push_back(end);
    std::ranges::reverse(ends);
    for (const size_t end : ends) {
        if (best[end].token != kUnknown) {
            out.push_back(best[end].token);
            continue;
        }
        for (size_t at = best[end].begin; at < end; ++at)
            vocab_.append_byte(static_cast<unsigned char>(spelled[at]), out);
    }
}

// Every token that begins at `at`, and the character there as an unknown one when no token is just that
// character.
void UnigramEncoder::extend(std::string_view text, size_t at, std::vector<Best>& best) const {
    const auto offer = [&](size_t end, TokenId token, double score) {
        if (!best[end].reached || score > best[end].score) best[end] = {score, at, token, true};
    };
    size_t character_end = at;
    base::next_code_point(text, character_end);
    bool character_is_token = false;
    uint32_t node = ByteTrie::kRoot;
    for (size_t end = at; end < text.size();) {
        node = trie_.child(node, text[end++]);
        if (node == ByteTrie::kNone) break;
        const TokenId token = trie_.value(node);
        if (token < 0) continue;
        offer(end, token, best[at].score + vocab_.score(token));
        character_is_token |= end == character_end;
    }
    if (!character_is_token) offer(character_end, kUnknown, best[at].score + unknown_score_);
}

}  // namespace airframe
