// The one Tokenizer: a vocabulary, the matcher of special tokens, and the encoder of its kind. Text between
// special tokens goes to the encoder; what surrounds it (begin, end, space prefix) is decided here.
#include "airframe/text/tokenizer.h"

#include <algorithm>
#include <variant>

#include "airframe/text/bpe_encoder.h"
#include "airframe/text/special_matcher.h"
#include "airframe/text/spm_encoder.h"
#include "airframe/text/unigram_encoder.h"
#include "airframe/text/vocab.h"
#include "airframe/text/wordpiece_encoder.h"
#include "base/check.h"
#include "base/log.h"

namespace airframe {
namespace {

using base::ErrorCode;
using base::Result;

constexpr std::string_view kModelKey = "tokenizer.ggml.model";
constexpr std::string_view kPreKey = "tokenizer.ggml.pre";

struct KindRow {
    std::string_view name;  // of tokenizer.ggml.model
    TokenizerKind kind;
    Vocab::Defaults defaults;
    std::string_view pre = "";  // used instead of the file's
};
constexpr KindRow kKinds[] = {
    {"llama", TokenizerKind::kSentencePiece, {.add_bos = true, .add_space_prefix = true}},
    {"gpt2", TokenizerKind::kByteBpe, {}},
    {"gemma4", TokenizerKind::kPieceBpe, {}, "gemma4"},
    {"bert", TokenizerKind::kWordPiece, {.add_bos = true, .add_eos = true}},
    {"t5", TokenizerKind::kUnigram, {.add_eos = true}},
};

// Errors for a value of tokenizer.ggml.model that has no row.
std::unexpected<base::Error> unknown_kind(std::string_view name) {
    std::string known;
    for (const KindRow& row : kKinds) known += fmt::format("{}{}", known.empty() ? "" : ", ", row.name);
    const bool none = name == "none" || name == "no_vocab";
    auto error = none ? base::fail(ErrorCode::kUnsupported,
                                   "{} is '{}': the file holds no tokenizer; text needs a file with one ({})",
                                   kModelKey, name, known)
                      : base::fail(ErrorCode::kUnsupported, "{} is '{}', but the known kinds are {}",
                                   kModelKey, base::printable(name), known);
    error.error().param = kModelKey;
    return error;
}

class VocabTokenizer final : public Tokenizer {
  public:
    using Encoder = std::variant<SpmEncoder, BpeEncoder, WordPieceEncoder, UnigramEncoder>;

    VocabTokenizer(std::unique_ptr<const Vocab> vocab, SpecialSpaces spaces, Encoder encoder,
                   const KindRow& row, std::string_view pre)
        : vocab_(std::move(vocab)),
          matcher_(*vocab_, std::move(spaces)),
          encoder_(std::move(encoder)),
          strips_space_(vocab_->add_space_prefix() || row.kind == TokenizerKind::kWordPiece),
          model_name_(row.name),
          pre_name_(pre) {}

    std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options) const override;
    std::string token_bytes(TokenId id, bool show_control) const override {
        return std::string(visible_text(id, show_control));
    }
    std::string decode(std::span<const TokenId> ids, bool show_control) const override;
    bool strips_leading_space() const override { return strips_space_; }

    int32_t vocab_size() const override { return vocab_->size(); }
    TokenKind kind(TokenId id) const override { return vocab_->kind(id); }
    const SpecialTokens& special() const override { return vocab_->special(); }
    std::optional<TokenId> find(std::string_view piece) const override { return vocab_->find_piece(piece); }
    std::string_view piece(TokenId id) const override { return vocab_->piece(id); }
    std::string_view model_name() const override { return model_name_; }
    std::string_view pre_name() const override { return pre_name_; }

  private:
    std::string_view visible_text(TokenId id, bool show_control) const {
        const TokenKind kind = vocab_->kind(id);
        const bool hidden = kind == TokenKind::kControl || kind == TokenKind::kUnknown;
        return hidden && !show_control ? std::string_view() : vocab_->text(id);
    }
    void encode_text(std::string_view text, bool at_start, std::vector<TokenId>& out) const;

    std::unique_ptr<const Vocab> vocab_;
    SpecialMatcher matcher_;
    Encoder encoder_;
    bool strips_space_;
    std::string model_name_, pre_name_;
};

void VocabTokenizer::encode_text(std::string_view text, bool at_start, std::vector<TokenId>& out) const {
    const auto call = [&](const auto& encoder) {
        if constexpr (requires { encoder.encode(text, at_start, out); })
            encoder.encode(text, at_start, out);
        else
            encoder.encode(text, out);
    };
    std::visit(call, encoder_);
}

std::vector<TokenId> VocabTokenizer::encode(std::string_view text, const EncodeOptions& options) const {
    CHECK(text.size() < UINT32_MAX, "a text of {} bytes", text.size());
    const SpecialTokens& special = vocab_->special();
    std::vector<TokenId> ids;
    ids.reserve(text.size() / 4 + 8);
    const bool add_begin = options.add_special && special.add_bos,
               add_end = options.add_special && special.add_eos;
    if (add_begin) ids.push_back(*special.bos);

    SpecialMatcher::Pass pass(matcher_, text, options);
    bool at_start = true;  // of the text, or of a text between special tokens
    for (size_t at = 0; at < text.size();) {
        const auto match = pass.next(at);
        const size_t text_end = match ? match->begin : text.size();
        const bool goes_on = match && !vocab_->ends_text(match->id);
        // A token that is part of the text has the space prefix in front of it.
        if (text_end > at || (goes_on && at_start)) {
            encode_text(text.substr(at, text_end - at), at_start, ids);
            at_start = false;
        }
        if (!match) break;
        // The text brings its own begin token: one is enough.
        const bool doubled = add_begin && match->id == *special.bos && match->begin == 0 && ids.size() == 1;
        if (!doubled) ids.push_back(match->id);
        at_start = !goes_on;
        at = match->end;
    }
    const size_t own_begin = add_begin ? 1 : 0;
    if (add_end && (ids.size() <= own_begin || ids.back() != *special.eos)) ids.push_back(*special.eos);
    return ids;
}

std::string VocabTokenizer::decode(std::span<const TokenId> ids, bool show_control) const {
    std::string out;
    bool at_start = strips_space_;
    for (const TokenId id : ids) {
        std::string_view text = visible_text(id, show_control);
        const bool control =
            vocab_->kind(id) == TokenKind::kControl || vocab_->kind(id) == TokenKind::kUnknown;
        if (at_start && !control && !text.empty()) {
            if (text[0] == ' ') text.remove_prefix(1);
            at_start = false;
        }
        out += text;
    }
    return out;
}

// The row of this file's kind; byte-pair files in SentencePiece spelling are told by their pre-tokenizer.
Result<const KindRow*> find_kind(std::string_view name) {
    const auto* row = std::ranges::find(kKinds, name, &KindRow::name);
    if (row == std::end(kKinds)) return unknown_kind(name);
    return row;
}

Result<VocabTokenizer::Encoder> make_encoder(const Metadata& metadata, const Vocab& vocab, TokenizerKind kind,
                                             const PretokenizerSpec& pre) {
    using Encoder = VocabTokenizer::Encoder;
    switch (kind) {
        case TokenizerKind::kSentencePiece:
            return Encoder(std::in_place_type<SpmEncoder>, vocab);
        case TokenizerKind::kByteBpe:
        case TokenizerKind::kPieceBpe: {
            TRY(auto merges, MergeTable::load(metadata, vocab, kind));
            return Encoder(std::in_place_type<BpeEncoder>, vocab, kind, std::move(merges), pre);
        }
        case TokenizerKind::kWordPiece: {
            TRY(const auto normalization, WordPieceEncoder::read_normalization(metadata));
            return Encoder(std::in_place_type<WordPieceEncoder>, vocab, normalization);
        }
        case TokenizerKind::kUnigram: {
            TRY(auto charsmap, Charsmap::load(metadata));
            return Encoder(std::in_place_type<UnigramEncoder>, vocab, std::move(charsmap));
        }
    }
    CHECK(false, "tokenizer kind {}", static_cast<int>(kind));
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> Tokenizer::create(const Metadata& metadata) {
    TRY(const auto model, metadata.get_string(kModelKey));
    if (!model) {
        auto error = base::fail(ErrorCode::kBadFile, "{} is missing: the file holds no tokenizer", kModelKey);
        error.error().param = kModelKey;
        return error;
    }
    TRY(const KindRow* row, find_kind(*model));
    TRY(const auto pre_name, metadata.get_string(kPreKey));
    const bool merges = row->kind == TokenizerKind::kByteBpe || row->kind == TokenizerKind::kPieceBpe;
    const std::string_view wanted = row->pre.empty() ? pre_name.value_or("") : row->pre;
    const PretokenizerSpec& pre = pretokenizer_spec(merges ? wanted : "default");
    const TokenizerKind kind = merges && pre.piece_spelling ? TokenizerKind::kPieceBpe : row->kind;

    Vocab::Defaults defaults = row->defaults;
    defaults.add_bos |= pre.add_bos;
    TRY(auto vocab, Vocab::load(metadata, kind, defaults));
    TRY(auto spaces, SpecialSpaces::load(metadata, *vocab));
    TRY(auto encoder, make_encoder(metadata, *vocab, kind, pre));
    return std::make_unique<VocabTokenizer>(std::move(vocab), std::move(spaces), std::move(encoder), *row,
                                            pre_name.value_or(""));
}

bool Tokenizer::ends_generation(TokenId id) const {
    return std::ranges::binary_search(special().end_of_generation, id);
}

}  // namespace airframe
