// Tokenizer: text to token ids and back, for every tokenizer kind found in GGUF files.
// Built from metadata, immutable afterwards, any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "airframe/gguf/metadata.h"
#include "base/result.h"

namespace airframe {

using TokenId = int32_t;

enum class TokenKind : uint8_t {
    kNormal = 1,
    kUnknown = 2,
    kControl = 3,
    kUserDefined = 4,
    kUnused = 5,
    kByte = 6
};

// Tokens with a role, by metadata. A missing role is nothing.
struct SpecialTokens {
    std::optional<TokenId> bos, eos, eot, eom, unk, sep, pad, cls, mask;
    std::optional<TokenId> fim_prefix, fim_suffix, fim_middle;
    bool add_bos = false;
    bool add_eos = false;
    std::vector<TokenId> end_of_generation;  // every token that ends an answer, sorted
};

// A half-open range of bytes of a text.
struct ByteRange {
    size_t begin, end;
};

struct EncodeOptions {
    bool add_special = false;    // begin and end tokens as the model's metadata asks
    bool parse_special = false;  // control tokens written in the text become those tokens …
    // … except where they touch one of these ranges (text from users): ascending, disjoint.
    std::span<const ByteRange> untrusted = {};
};

class Tokenizer {
  public:
    // Nothing of the metadata is borrowed. Errors: kBadFile naming the key and value (vocabulary damaged),
    // kUnsupported (tokenizer kind).
    static base::Result<std::unique_ptr<Tokenizer>> create(const Metadata& metadata);
    virtual ~Tokenizer() = default;

    virtual std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options) const = 0;

    // The bytes of one token as they appear in the text: may be part of a character. Control tokens give
    // nothing unless `show_control`. REQUIRES: 0 <= id < vocab_size().
    virtual std::string token_bytes(TokenId id, bool show_control = false) const = 0;

    // The whole text of ids; what SentencePiece's added leading space brought is taken away again.
    virtual std::string decode(std::span<const TokenId> ids, bool show_control = false) const = 0;

    // True where a space at the beginning of a decoded text is not part of it (see decode()).
    virtual bool strips_leading_space() const { return false; }

    virtual int32_t vocab_size() const = 0;
    virtual TokenKind kind(TokenId id) const = 0;
    virtual const SpecialTokens& special() const = 0;
    // The id of exactly this piece as stored (control tokens: their text), or nothing.
    virtual std::optional<TokenId> find(std::string_view piece) const = 0;
    // The piece as stored in the file.
    virtual std::string_view piece(TokenId id) const = 0;
    virtual std::string_view model_name() const = 0;  // tokenizer.ggml.model
    virtual std::string_view pre_name() const = 0;    // tokenizer.ggml.pre; may be empty

    bool ends_generation(TokenId id) const;
};

// Turns a stream of tokens into pieces of valid UTF-8: bytes that could still become a character are held
// back.
class StreamDecoder {
  public:
    // `at_text_start`: nothing comes before the stream, so a leading space is treated as in decode().
    // `shown`: control tokens that are a part of the text.
    explicit StreamDecoder(const Tokenizer& tokenizer, bool at_text_start = false,
                           std::vector<TokenId> shown = {});
    // The text that this token completes; may be empty.
    std::string push(TokenId id);
    // What is left at the end; incomplete bytes become U+FFFD.
    std::string finish();

  private:
    const Tokenizer& tokenizer_;
    const std::vector<TokenId> shown_;
    std::string pending_;
    bool strip_space_;
};

}  // namespace airframe
