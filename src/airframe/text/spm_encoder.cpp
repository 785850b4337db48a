#include "airframe/text/spm_encoder.h"

#include <algorithm>
#include <unordered_map>

#include "base/utf8.h"

namespace airframe {
namespace {

constexpr size_t kShortSymbols = 40;  // up to here a scan beats a heap
constexpr uint32_t kEnd = UINT32_MAX;

// No space at either end and never two in a row.
std::string without_extra_spaces(std::string_view text) {
    std::string out;
    for (const char c : text)
        if (c != ' ' || (!out.empty() && out.back() != ' ')) out += c;
    if (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
}

}  // namespace

// Merges the symbols of one word. Scratch memory is kept between words.
class SpmEncoder::Merger {
  public:
    explicit Merger(const Vocab& vocab) : vocab_(vocab) {}

    void merge(std::string_view word) {
        word_ = word;
        symbols_.clear();
        left_bytes_.clear();
        for (size_t at = 0; at < word.size();) {
            const auto begin = static_cast<uint32_t>(at);
            base::next_code_point(word, at);
            const auto place = static_cast<uint32_t>(symbols_.size());
            symbols_.push_back({begin, static_cast<uint32_t>(at) - begin, place - 1, place + 1, -1});
        }
        symbols_.back().next = kEnd;
        if (symbols_.size() <= kShortSymbols)
            merge_by_scan();
        else
            merge_by_heap();
    }

    // The token that the whole word became, or -1.
    TokenId single() const { return symbols_[0].next == kEnd ? symbols_[0].token : -1; }

    void append_tokens(std::vector<TokenId>& out) {
        for (uint32_t at = 0; at != kEnd; at = symbols_[at].next) {
            const Symbol& symbol = symbols_[at];
            if (symbol.token >= 0 && vocab_.kind(symbol.token) != TokenKind::kUnused)
                out.push_back(symbol.token);
            else
                append_symbol(text_of(symbol), out);
        }
    }

  private:
    struct Symbol {
        uint32_t begin, bytes;
        uint32_t prev, next;  // places of the neighbours; the first symbol's prev is never followed
        TokenId token;        // after a merge; -1 for a single character
    };
    struct Pair {
        float score;
        uint32_t place;  // of the left symbol
        uint32_t bytes;  // of both: tells a pair that has been merged away
        TokenId token;
        // The heap keeps the greatest on top: the best score, then the leftmost.
        bool operator<(const Pair& other) const {
            return score != other.score ? score < other.score : place > other.place;
        }
    };

    std::string_view text_of(const Symbol& symbol) const { return word_.substr(symbol.begin, symbol.bytes); }

    // The pair that begins at `place`; its token is -1 when the two do not merge.
    Pair pair_at(uint32_t place) {
        const Symbol &left = symbols_[place], &right = symbols_[left.next];
        const std::string_view text = word_.substr(left.begin, left.bytes + right.bytes);
        const TokenId token = vocab_.find_text(text);
        if (token < 0) return {0, place, 0, -1};
        if (vocab_.kind(token) == TokenKind::kUnused) left_bytes_[text] = left.bytes;
        return {vocab_.score(token), place, static_cast<uint32_t>(text.size()), token};
    }

    void join(const Pair& pair) {
        Symbol& left = symbols_[pair.place];
        Symbol& right = symbols_[left.next];
        left.bytes = pair.bytes;
        left.token = pair.token;
        left.next = right.next;
        right.bytes = 0;
        if (left.next != kEnd) symbols_[left.next].prev = pair.place;
    }

    void merge_by_scan() {
        pairs_.clear();
        for (uint32_t place = 0; symbols_[place].next != kEnd; ++place) pairs_.push_back(pair_at(place));
        while (true) {
            auto best = pairs_.end();
            for (auto pair = pairs_.begin(); pair != pairs_.end(); ++pair)
                if (pair->token >= 0 && (best == pairs_.end() || *best < *pair)) best = pair;
            if (best == pairs_.end()) return;
            const uint32_t place = best->place;
            join(*best);
            const bool has_next = symbols_[place].next != kEnd;
            if (best != pairs_.begin()) *std::prev(best) = pair_at(symbols_[place].prev);
            if (has_next) {  // the pair to the right now begins here
                *best = pair_at(place);
                pairs_.erase(std::next(best));
            } else {
                pairs_.erase(best);
            }
        }
    }

    void push_pair(uint32_t place) {
        const Pair pair = pair_at(place);
        if (pair.token < 0) return;
        pairs_.push_back(pair);
        std::push_heap(pairs_.begin(), pairs_.end());
    }

    void merge_by_heap() {
        pairs_.clear();
        for (uint32_t place = 0; symbols_[place].next != kEnd; ++place)
            if (const Pair pair = pair_at(place); pair.token >= 0) pairs_.push_back(pair);
        std::make_heap(pairs_.begin(), pairs_.end());
        while (!pairs_.empty()) {
            std::pop_heap(pairs_.begin(), pairs_.end());
            const Pair pair = pairs_.back();
            pairs_.pop_back();
            const Symbol& left = symbols_[pair.place];
            if (left.bytes == 0 || left.next == kEnd || left.bytes + symbols_[left.next].bytes != pair.bytes)
                continue;
            join(pair);
            if (pair.place > 0) push_pair(left.prev);
            if (left.next != kEnd) push_pair(pair.place);
        }
    }

    // An unused token served as a stepping stone only: it is given back as the parts it was merged from.
    void append_symbol(std::string_view symbol, std::vector<TokenId>& out) {
        parts_.assign(1, symbol);
        while (!parts_.empty()) {
            const std::string_view text = parts_.back();
            parts_.pop_back();
            const TokenId token = vocab_.find_text(text);
            if (token >= 0 && vocab_.kind(token) != TokenKind::kUnused) {
                out.push_back(token);
            } else if (const auto split = left_bytes_.find(text); split != left_bytes_.end()) {
                parts_.push_back(text.substr(split->second));
                parts_.push_back(text.substr(0, split->second));
            } else {
                for (const char byte : text) vocab_.append_byte(static_cast<unsigned char>(byte), out);
            }
        }
    }

    const Vocab& vocab_;
    std::string_view word_;
    std::vector<Symbol> symbols_;
    std::vector<Pair> pairs_;  // in order of place (scan), or a heap
    std::vector<std::string_view> parts_;
    std::unordered_map<std::string_view, uint32_t> left_bytes_;  // of unused tokens: bytes of their left part
};

SpmEncoder::SpmEncoder(const Vocab& vocab) : vocab_(vocab), cuts_(vocab), whole_(vocab.size()) {}

std::string SpmEncoder::normalized(std::string_view text, bool at_start) const {
    std::string spaced;
    spaced.reserve(text.size() + 1);
    append_with_spaces(text, spaced);
    if (vocab_.remove_extra_spaces()) spaced = without_extra_spaces(spaced);
    if (at_start && vocab_.add_space_prefix()) spaced.insert(0, 1, ' ');
    return spaced;
}

void SpmEncoder::encode(std::string_view text, bool at_start, std::vector<TokenId>& out) const {
    const std::string spaced = normalized(text, at_start);
    Merger merger(vocab_);
    cuts_.split(spaced, [&](std::string_view word) {
        const TokenId whole = vocab_.find_text(word);
        if (whole >= 0 && whole_.is_known(whole)) return out.push_back(whole);
        merger.merge(word);
        if (whole >= 0 && merger.single() == whole && vocab_.kind(whole) != TokenKind::kUnused)
            whole_.learn(whole);
        merger.append_tokens(out);
    });
}

}  // namespace airframe
