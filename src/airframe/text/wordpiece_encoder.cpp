#include "airframe/text/wordpiece_encoder.h"

#include <utf8proc.h>

#include <algorithm>

#include "base/utf8.h"

namespace airframe {
namespace {

using base::Result;

constexpr size_t kWordCharactersMax = 100;  // BERT's limit: a longer word is unknown

struct CodeRange {
    char32_t first, last;
};
// Ideographs are words of their own (BERT's list, which leaves out kana and hangul).
constexpr CodeRange kIdeographs[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},
                                     {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F},
                                     {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F}};

bool is_ideograph(char32_t c) {
    return std::ranges::any_of(kIdeographs,
                               [c](CodeRange range) { return c >= range.first && c <= range.last; });
}

bool is_space(char32_t c, utf8proc_category_t category) {
    return c == '\t' || c == '\n' || c == '\r' || category == UTF8PROC_CATEGORY_ZS ||
           category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP;
}

// Control characters (all but those three) and what is no text are left out, joining what stood around them.
bool is_removed(char32_t c, utf8proc_category_t category) {
    return c == 0xFFFD || category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
           category == UTF8PROC_CATEGORY_CN || category == UTF8PROC_CATEGORY_CO ||
           category == UTF8PROC_CATEGORY_CS;
}

bool is_punctuation(char32_t c, utf8proc_category_t category) {
    if (c < 0x80)
        return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
               (c >= '{' && c <= '~');
    return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

}  // namespace

struct WordPieceEncoder::Word {
    std::string text = " ";  // with the space that begins every word
    size_t characters = 0;
};

Result<WordPieceEncoder::Normalization> WordPieceEncoder::read_normalization(const Metadata& metadata) {
    TRY(const auto lowercase, metadata.get_bool("tokenizer.ggml.normalizer.lowercase"));
    TRY(const auto strip_accents, metadata.get_bool("tokenizer.ggml.normalizer.strip_accents"));
    return Normalization{lowercase.value_or(true), strip_accents.value_or(lowercase.value_or(true))};
}

void WordPieceEncoder::encode(std::string_view text, std::vector<TokenId>& out) const {
    constexpr size_t kPartsMax = 32;  // the longest canonical decomposition has 4
    Word word;
    for (size_t at = 0; at < text.size();) {
        const char32_t character = base::next_code_point(text, at);
        if (!normalization_.strip_accents || character < 0x80) {
            take_character(character, word, out);
            continue;
        }
        utf8proc_int32_t parts[kPartsMax];
        const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(character), parts, kPartsMax,
                                                   UTF8PROC_DECOMPOSE, nullptr);
        for (utf8proc_ssize_t i = 0; i < count && i < static_cast<utf8proc_ssize_t>(kPartsMax); ++i)
            if (utf8proc_category(parts[i]) != UTF8PROC_CATEGORY_MN)
                take_character(static_cast<char32_t>(parts[i]), word, out);
    }
    finish(word, out);
}

void WordPieceEncoder::take_character(char32_t character, Word& word, std::vector<TokenId>& out) const {
    const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(character));
    if (is_space(character, category)) return finish(word, out);
    if (is_removed(character, category)) return;
    const bool alone = is_punctuation(character, category) || is_ideograph(character);
    if (alone) finish(word, out);
    if (normalization_.lowercase)
        character = static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(character)));
    ++word.characters;
    // Beyond the limit the letters no longer matter.
    if (word.characters <= kWordCharactersMax) base::append_utf8(word.text, character);
    if (alone) finish(word, out);
}

// The longest token at the beginning of `text` with at least `bytes_min` bytes; an empty text when there is
// none.
std::string_view WordPieceEncoder::longest_token(std::string_view text, size_t bytes_min) const {
    for (size_t bytes = std::min(text.size(), vocab_.longest_text_bytes()); bytes >= bytes_min; --bytes)
        if (vocab_.find_text(text.substr(0, bytes)) >= 0) return text.substr(0, bytes);
    return {};
}

// Appends the tokens of a word and makes room for the next.
void WordPieceEncoder::finish(Word& word, std::vector<TokenId>& out) const {
    if (word.characters == 0) return;
    const size_t out_before = out.size();
    std::string_view rest = word.characters <= kWordCharactersMax ? word.text : std::string_view();
    bool spelled = !rest.empty();
    while (spelled && !rest.empty()) {
        const bool begins_word = rest.size() == word.text.size();
        const std::string_view token =
            longest_token(rest, begins_word ? 2 : 1);  // a space alone begins no word
        spelled = !token.empty();
        if (spelled) out.push_back(vocab_.find_text(token));
        rest.remove_prefix(token.size());
    }
    if (!spelled) {
        out.resize(out_before);
        if (vocab_.special().unk) out.push_back(*vocab_.special().unk);
    }
    word = Word();
}

}  // namespace airframe
