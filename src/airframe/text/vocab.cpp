#include "airframe/text/vocab.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "airframe/text/byte_level.h"
#include "airframe/text/special_tokens.h"
#include "base/log.h"

namespace airframe {
namespace {

using base::ErrorCode;
using base::Result;

constexpr std::string_view kTokensKey = "tokenizer.ggml.tokens";
constexpr std::string_view kKindsKey = "tokenizer.ggml.token_type";
constexpr std::string_view kScoresKey = "tokenizer.ggml.scores";
constexpr std::string_view kAddBosKey = "tokenizer.ggml.add_bos_token";
constexpr std::string_view kAddEosKey = "tokenizer.ggml.add_eos_token";
constexpr std::string_view kSpaceSign = "\xE2\x96\x81";  // U+2581, SentencePiece's visible space

template <class... Args>
std::unexpected<base::Error> bad_key(std::string_view key, fmt::format_string<Args...> format,
                                     Args&&... args) {
    return std::unexpected(
        base::Error{ErrorCode::kBadFile,
                    fmt::format("{} {}", key, fmt::format(format, std::forward<Args>(args)...)),
                    std::string(key),
                    {}});
}

Result<std::vector<std::string_view>> read_tokens(const Metadata& metadata) {
    TRY(auto pieces, metadata.get_strings(kTokensKey));
    if (!pieces) return bad_key(kTokensKey, "is missing: the file holds no vocabulary");
    if (pieces->empty()) return bad_key(kTokensKey, "is an empty list: the file holds no vocabulary");
    uint64_t bytes = 0;
    for (const auto piece : *pieces) bytes += piece.size();
    if (pieces->size() > INT32_MAX || bytes > UINT32_MAX)
        return bad_key(kTokensKey, "holds {} tokens of {} bytes: more than 4 GiB", pieces->size(), bytes);
    return *std::move(pieces);
}

// An array of 4-byte elements with one for each token, or nothing when the key is absent.
Result<const MetaValue*> find_column(const Metadata& metadata, std::string_view key, size_t tokens,
                                     std::initializer_list<MetaType> types) {
    const MetaValue* value = metadata.find(key);
    if (value == nullptr) return nullptr;
    if (value->type != MetaType::kArray || std::ranges::find(types, value->elem_type) == types.end())
        return bad_key(key, "is {}{}, but a list of {} is needed",
                       value->type == MetaType::kArray ? "a list of " : "a ",
                       name_of(value->type == MetaType::kArray ? value->elem_type : value->type),
                       name_of(*types.begin()));
    if (value->count < tokens)
        return bad_key(key, "has {} values for {} tokens: the file is damaged", value->count, tokens);
    return value;
}

template <class T>
T load_at(const MetaValue& column, size_t index) {
    T out;
    std::memcpy(&out, column.bytes.data() + index * sizeof(T), sizeof(T));
    return out;
}

Result<std::vector<TokenKind>> read_kinds(const Metadata& metadata, size_t tokens) {
    TRY(const MetaValue* column, find_column(metadata, kKindsKey, tokens, {MetaType::kI32, MetaType::kU32}));
    std::vector<TokenKind> kinds(tokens, TokenKind::kNormal);
    if (column == nullptr) return kinds;
    size_t strange = 0;
    for (size_t id = 0; id < tokens; ++id) {
        const auto number = load_at<int32_t>(*column, id);
        const bool known = number >= 1 && number <= 6;
        strange += known || number == 0 ? 0 : 1;
        if (known) kinds[id] = static_cast<TokenKind>(number);
    }
    if (strange > 0) base::log_warn("{}: {} values are no token type: taken as normal", kKindsKey, strange);
    return kinds;
}

Result<std::vector<float>> read_scores(const Metadata& metadata, size_t tokens) {
    TRY(const MetaValue* column, find_column(metadata, kScoresKey, tokens, {MetaType::kF32, MetaType::kI32}));
    if (column == nullptr) return bad_key(kScoresKey, "is missing: this kind of tokenizer needs it");
    std::vector<float> scores(tokens);
    for (size_t id = 0; id < tokens; ++id) {
        scores[id] = column->elem_type == MetaType::kF32 ? load_at<float>(*column, id)
                                                         : static_cast<float>(load_at<int32_t>(*column, id));
        if (std::isnan(scores[id])) return bad_key(kScoresKey, "is not a number at token {}", id);
    }
    return scores;
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

// The byte that "<0x41>" names, or -1.
int byte_of_piece(std::string_view piece) {
    if (piece.size() != 6 || !piece.starts_with("<0x") || piece.back() != '>') return -1;
    const int high = hex_value(piece[3]), low = hex_value(piece[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool has_byte_tokens(TokenizerKind kind) {
    return kind != TokenizerKind::kByteBpe && kind != TokenizerKind::kWordPiece;
}
bool has_scores(TokenizerKind kind) {
    return kind == TokenizerKind::kSentencePiece || kind == TokenizerKind::kUnigram;
}
// Kinds of tokens that stand for text as it is written, whatever the spelling of the vocabulary.
bool is_literal(TokenKind kind) { return kind == TokenKind::kControl || kind == TokenKind::kUnknown; }
// Kinds of tokens that merging never produces.
bool is_reserved(TokenKind kind) { return is_literal(kind) || kind == TokenKind::kByte; }

}  // namespace

char* write_with_spaces(std::string_view piece, char* out) {
    for (size_t at = 0; at < piece.size(); ++at) {
        if (piece[at] == kSpaceSign[0] && piece.substr(at, kSpaceSign.size()) == kSpaceSign) {
            *out++ = ' ';
            at += kSpaceSign.size() - 1;
        } else {
            *out++ = piece[at];
        }
    }
    return out;
}

void append_with_spaces(std::string_view piece, std::string& out) {
    const size_t size_before = out.size();
    out.resize(size_before + piece.size());
    const char* end = write_with_spaces(piece, out.data() + size_before);
    out.resize(static_cast<size_t>(end - out.data()));
}

Result<std::unique_ptr<const Vocab>> Vocab::load(const Metadata& metadata, TokenizerKind kind,
                                                 const Defaults& defaults) {
    std::unique_ptr<Vocab> vocab(new Vocab);
    TRY(const auto pieces, read_tokens(metadata));
    TRY(vocab->kinds_, read_kinds(metadata, pieces.size()));
    if (!has_byte_tokens(kind)) std::ranges::replace(vocab->kinds_, TokenKind::kByte, TokenKind::kNormal);
    if (has_scores(kind)) {
        TRY(vocab->scores_, read_scores(metadata, pieces.size()));
    }
    TRY(vocab->special_, load_special_tokens(metadata, pieces, vocab->kinds_));
    TRY_VOID(vocab->read_pieces(kind, pieces));
    vocab->build_lookups(kind);
    TRY_VOID(vocab->read_flags(metadata, defaults));
    vocab->complete_roles(metadata, kind);
    return vocab;
}

Result<void> Vocab::read_pieces(TokenizerKind kind, std::span<const std::string_view> pieces) {
    size_t bytes = 0;
    for (const auto piece : pieces) bytes += piece.size();
    pieces_.reserve(pieces.size(), bytes);
    texts_.reserve(pieces.size(), bytes);
    byte_tokens_.fill(-1);
    for (size_t id = 0; id < pieces.size(); ++id) {
        const std::string_view piece = pieces[id];
        pieces_.add(piece);
        if (kinds_[id] == TokenKind::kByte && has_byte_tokens(kind)) {
            const int byte = byte_of_piece(piece);
            if (byte < 0)
                return bad_key(kTokensKey, "[{}] is the byte token '{}', but those are '<0x00>' to '<0xFF>'",
                               id, base::printable(piece));
            if (byte_tokens_[byte] < 0) byte_tokens_[byte] = static_cast<TokenId>(id);
            texts_.building() += static_cast<char>(byte);
        } else if (is_literal(kinds_[id])) {
            texts_.building() += piece;
        } else if (kind == TokenizerKind::kByteBpe) {
            const bool literal = kinds_[id] == TokenKind::kUserDefined;
            if (literal || !append_byte_level(piece, texts_.building())) texts_.building() += piece;
        } else {
            append_with_spaces(piece, texts_.building());
        }
        texts_.close();
    }
    return {};
}

void Vocab::build_lookups(TokenizerKind kind) {
    by_text_.build(texts_, kinds_.size());
    reserved_.build(pieces_, static_cast<size_t>(std::ranges::count_if(kinds_, is_reserved)));
    constexpr TokenId kAhead = 16;  // so far ahead the table's memory is asked for
    size_t duplicates = 0;
    for (TokenId id = 0; id < size(); ++id) {
        if (id + kAhead < size()) by_text_.prefetch(PieceKey(texts_[id + kAhead]));
        if (texts_[id].empty()) continue;
        if (is_reserved(kinds_[id]))
            reserved_.add(id);
        else if (kinds_[id] == TokenKind::kNormal && !by_text_.add(id))
            ++duplicates;
    }
    // Only where no normal token has the same text: unused tokens are stepping stones of SentencePiece's
    // merges, and user-defined ones are usually found before anything is merged.
    for (TokenId id = 0; id < size(); ++id) {
        const bool stepping_stone = kinds_[id] == TokenKind::kUnused && kind == TokenizerKind::kSentencePiece;
        if ((stepping_stone || kinds_[id] == TokenKind::kUserDefined) && !texts_[id].empty())
            by_text_.add(id);
    }
    if (duplicates > 0)
        base::log_warn("{}: {} tokens repeat the text of an earlier one: never produced", kTokensKey,
                       duplicates);
    if (kind != TokenizerKind::kByteBpe) return;
    for (int byte = 0; byte < 256; ++byte) {
        const char text = static_cast<char>(byte);
        byte_tokens_[byte] = find_text({&text, 1});
    }
}

Result<void> Vocab::read_flags(const Metadata& metadata, const Defaults& defaults) {
    const auto read = [&](std::string_view key, bool otherwise, bool& out) -> Result<void> {
        TRY(const auto value, metadata.get_bool(key));
        out = value.value_or(otherwise);
        return {};
    };
    TRY_VOID(read(kAddBosKey, defaults.add_bos, special_.add_bos));
    TRY_VOID(read(kAddEosKey, defaults.add_eos, special_.add_eos));
    TRY_VOID(read("tokenizer.ggml.add_space_prefix", defaults.add_space_prefix, add_space_prefix_));
    TRY_VOID(read("tokenizer.ggml.remove_extra_whitespaces", false, remove_extra_spaces_));
    return {};
}

// Roles that the metadata leaves out though the kind of tokenizer has them.
void Vocab::complete_roles(const Metadata& metadata, TokenizerKind kind) {
    const auto complete = [](std::optional<TokenId>& role, std::optional<TokenId> otherwise) {
        if (!role) role = otherwise;
    };
    if (kind == TokenizerKind::kWordPiece) {
        complete(special_.bos, special_.cls);
        complete(special_.eos, special_.sep);
    }
    if (kind == TokenizerKind::kSentencePiece) {
        complete(special_.bos, find_piece("<s>"));
        complete(special_.eos, find_piece("</s>"));
        complete(special_.unk, find_piece("<unk>"));
    }
    // Without the token the flag means nothing; only where the file itself sets it is that worth a word.
    const auto disable = [&](bool& flag, std::optional<TokenId> role, std::string_view key) {
        if (!flag || role) return;
        if (metadata.find(key) != nullptr)
            base::log_warn("{} is true, but the vocabulary names no such token: none is added", key);
        flag = false;
    };
    disable(special_.add_bos, special_.bos, kAddBosKey);
    disable(special_.add_eos, special_.eos, kAddEosKey);
}

bool Vocab::ends_text(TokenId id) const {
    constexpr float kAddedScore = -1000;  // converters mark tokens from outside the SentencePiece model so
    if (kinds_[id] != TokenKind::kUserDefined) return true;
    return !scores_.empty() && scores_[id] <= kAddedScore;
}

void Vocab::append_byte(unsigned char byte, std::vector<TokenId>& out) const {
    if (const TokenId id = byte_tokens_[byte]; id >= 0)
        out.push_back(id);
    else if (special_.unk && (out.empty() || out.back() != *special_.unk))
        out.push_back(*special_.unk);
}

std::optional<TokenId> Vocab::find_piece(std::string_view piece) const {
    if (const TokenId id = reserved_.find(piece); id >= 0) return id;
    const auto with_text = [&](std::string_view text) -> std::optional<TokenId> {
        const TokenId id = find_text(text);
        return id >= 0 && pieces_[id] == piece ? std::optional(id) : std::nullopt;
    };
    if (const auto literal = with_text(piece)) return literal;
    std::string text;
    if (append_byte_level(piece, text))
        if (const auto found = with_text(text)) return found;
    text.clear();
    append_with_spaces(piece, text);
    return with_text(text);
}

}  // namespace airframe
