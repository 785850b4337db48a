// Breaking a line of text into lines of limited width. See jinja_wrap.h.
#include "airframe/text/jinja_wrap.h"

#include <algorithm>

#include "airframe/text/jinja_unicode.h"

namespace airframe::jinja {
namespace {

// Characters [begin, end) of the line.
struct Chunk {
    size_t begin, end;
    size_t size() const { return end - begin; }
};

bool is_blank(char32_t c) { return c == U' ' || (c >= U'\t' && c <= U'\r'); }
bool is_letter(char32_t c) { return is_word(c) && !is_decimal(c); }
bool is_word_punctuation(char32_t c) {
    return is_word(c) || std::u32string_view(U"!\"'&.,?").find(c) != std::u32string_view::npos;
}

// Cuts a line into words, white space and dashes: the places where it may be broken.
class Splitter {
  public:
    Splitter(std::u32string_view text, bool hyphens) : text_(text), hyphens_(hyphens) {}

    std::vector<Chunk> run() {
        std::vector<Chunk> chunks;
        for (size_t at = 0; at < text_.size();) {
            const size_t end = chunk_end(at);
            chunks.push_back({at, end});
            at = end;
        }
        return chunks;
    }

  private:
    char32_t at(size_t i) const { return i < text_.size() ? text_[i] : U' '; }

    // The end of two or more dashes at `begin` between words; `begin` when there are none.
    size_t dashes_end(size_t begin) const {
        size_t end = begin;
        while (at(end) == U'-') ++end;
        const bool between = begin > 0 && is_word_punctuation(at(begin - 1)) && is_word(at(end));
        return end >= begin + 2 && between && end < text_.size() ? end : begin;
    }

    // A hyphen at `i` after which a word may be broken.
    bool breaks_after(size_t i) const {
        if (at(i) != U'-' || i < 2) return false;
        const bool two_letters = is_letter(at(i - 1)) && is_letter(at(i - 2));
        const bool after_hyphen =
            i >= 3 && is_word_punctuation(at(i - 1)) && at(i - 2) == U'-' && is_letter(at(i - 3));
        if (!two_letters && !after_hyphen) return false;
        const size_t next = at(i + 2) == U'-' ? i + 3 : i + 2;
        return is_letter(at(i + 1)) && (is_letter(at(i + 2)) || is_letter(at(next)));
    }

    size_t chunk_end(size_t begin) const {
        size_t end = begin;
        if (is_blank(at(begin))) {
            while (end < text_.size() && is_blank(text_[end])) ++end;
            return end;
        }
        if (hyphens_) {
            if (const size_t dashes = dashes_end(begin); dashes != begin) return dashes;
        }
        for (end = begin + 1; end < text_.size() && !is_blank(text_[end]); ++end) {
            if (!hyphens_) continue;
            if (breaks_after(end) && end > begin) return end + 1;
            if (dashes_end(end) != end) return end;
        }
        return end;
    }

    const std::u32string_view text_;
    const bool hyphens_;
};

// How many characters of a word too long for the line go onto it.
size_t piece_of_long_word(std::u32string_view word, size_t space, bool hyphens) {
    if (!hyphens || word.size() <= space) return space;
    const size_t hyphen = word.substr(0, space).rfind(U'-');
    if (hyphen == std::u32string_view::npos || hyphen == 0) return space;
    const bool more_than_hyphens =
        word.substr(0, hyphen).find_first_not_of(U'-') != std::u32string_view::npos;
    return more_than_hyphens ? hyphen + 1 : space;
}

}  // namespace

std::vector<Str> wrap_line(Machine& machine, const Str& line, const WrapOptions& options) {
    if (options.width <= 0) raise("invalid width {} (must be > 0)", options.width);
    const auto width = static_cast<size_t>(options.width);
    const std::u32string text = to_utf32(line.view());
    machine.budget().step(static_cast<int64_t>(text.size()));
    std::vector<Chunk> chunks = Splitter(text, options.break_on_hyphens).run();
    std::reverse(chunks.begin(), chunks.end());  // the next one last
    const auto blank = [&](const Chunk& chunk) { return is_blank(text[chunk.begin]); };

    std::vector<Str> lines;
    while (!chunks.empty()) {
        if (blank(chunks.back()) && !lines.empty()) chunks.pop_back();
        std::vector<Chunk> row;
        size_t used = 0;
        const auto put = [&](Chunk chunk) {
            row.push_back(chunk);
            used += chunk.size();
        };
        while (!chunks.empty() && used + chunks.back().size() <= width) {
            put(chunks.back());
            chunks.pop_back();
        }
        if (!chunks.empty() && chunks.back().size() > width) {
            Chunk& word = chunks.back();
            if (options.break_long_words) {
                const size_t space = width - used;
                const size_t piece =
                    piece_of_long_word(std::u32string_view(text).substr(word.begin, word.size()), space,
                                       options.break_on_hyphens);
                put({word.begin, word.begin + piece});
                word.begin += piece;
            } else if (row.empty()) {
                put(word);
                chunks.pop_back();
            }
        }
        if (!row.empty() && blank(row.back()) && row.back().size() > 0) row.pop_back();
        if (row.empty()) continue;
        const auto offset = [&](size_t index) {
            return line.offset_of(machine.budget(), static_cast<int64_t>(index));
        };
        const size_t begin = offset(row.front().begin);
        lines.push_back(line.slice(machine.budget(), begin, offset(row.back().end)));
    }
    return lines;
}

}  // namespace airframe::jinja
