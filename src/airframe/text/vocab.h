// Vocab: what every kind of tokenizer knows about its tokens. Read from metadata once, immutable afterwards,
// any thread.
//
// Each token has a *piece* (as stored in the file) and a *text* (the bytes it stands for): byte-level
// stand-ins are decoded, SentencePiece's U+2581 is a space, `<0x41>` of kind byte is the byte 0x41. All
// encoding works on texts.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "airframe/gguf/metadata.h"
#include "airframe/text/piece_map.h"
#include "airframe/text/tokenizer.h"
#include "base/result.h"

namespace airframe {

// How a tokenizer works; the table in tokenizer.cpp maps names of the file format to these.
enum class TokenizerKind {
    kSentencePiece,  // merges by score, byte fallback
    kByteBpe,        // merges by rank over bytes in stand-in spelling
    kPieceBpe,       // merges by rank over characters in SentencePiece spelling, byte fallback
    kWordPiece,
    kUnigram,
};

// Tokens that stand for text and are produced by merging.
inline bool is_ordinary(TokenKind kind) {
    return kind == TokenKind::kNormal || kind == TokenKind::kUserDefined;
}

// Writes `piece` with every U+2581, SentencePiece's visible space, as a space, and returns the end.
// REQUIRES: room for piece.size() bytes.
char* write_with_spaces(std::string_view piece, char* out);
// The same, appended to `out`.
void append_with_spaces(std::string_view piece, std::string& out);

class Vocab {
  public:
    struct Defaults {  // where the metadata is silent
        bool add_bos = false, add_eos = false, add_space_prefix = false;
    };

    // Errors: kBadFile naming the key and the value.
    static base::Result<std::unique_ptr<const Vocab>> load(const Metadata& metadata, TokenizerKind kind,
                                                           const Defaults& defaults);

    Vocab(const Vocab&) = delete;  // the lookups point into the tables
    Vocab& operator=(const Vocab&) = delete;

    int32_t size() const { return static_cast<int32_t>(kinds_.size()); }
    std::string_view piece(TokenId id) const { return pieces_[id]; }
    std::string_view text(TokenId id) const { return texts_[id]; }
    TokenKind kind(TokenId id) const { return kinds_[id]; }
    float score(TokenId id) const { return scores_[id]; }  // REQUIRES: the kind has scores

    // The ordinary token (normal, unused or user-defined; never control, unknown or byte) that stands for
    // exactly these bytes, or -1.
    TokenId find_text(std::string_view text) const { return by_text_.find(text); }
    const PieceMap& by_text() const { return by_text_; }
    size_t longest_text_bytes() const { return by_text_.longest_bytes(); }
    // The token for one byte, or -1.
    TokenId byte_token(unsigned char byte) const { return byte_tokens_[byte]; }
    // Appends that token; where there is none, the unknown token (once in a row), and nothing without one.
    void append_byte(unsigned char byte, std::vector<TokenId>& out) const;

    // True where the text after this token is a text of its own, with a space prefix where the vocabulary
    // wants one: after control tokens and those added to a SentencePiece model, but not after the model's own
    // user-defined ones.
    bool ends_text(TokenId id) const;

    std::optional<TokenId> find_piece(std::string_view piece) const;

    const SpecialTokens& special() const { return special_; }
    bool add_space_prefix() const { return add_space_prefix_; }
    bool remove_extra_spaces() const { return remove_extra_spaces_; }

  private:
    Vocab() = default;
    base::Result<void> read_pieces(TokenizerKind kind, std::span<const std::string_view> pieces);
    base::Result<void> read_flags(const Metadata& metadata, const Defaults& defaults);
    void build_lookups(TokenizerKind kind);
    void complete_roles(const Metadata& metadata, TokenizerKind kind);

    StringTable pieces_, texts_;
    std::vector<TokenKind> kinds_;
    std::vector<float> scores_;
    PieceMap by_text_;
    PieceMap reserved_;  // control, unknown and byte tokens, by piece
    std::array<TokenId, 256> byte_tokens_;
    SpecialTokens special_;
    bool add_space_prefix_ = false;
    bool remove_extra_spaces_ = false;
};

}  // namespace airframe
