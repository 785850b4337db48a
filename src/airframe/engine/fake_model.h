// For tests: a model without weights over real pages. Each row stores its token in its page; what comes next
// is a function of all tokens found in the pages up to the row. A page that is shared wrongly, overwritten or
// lost therefore changes the text. And a tokenizer whose pieces a test can name.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "airframe/backend/batch.h"
#include "airframe/text/tokenizer.h"

namespace airframe {

// Next token by the context alone: deterministic, looks random.
inline TokenId hashed_next(std::span<const TokenId> context, TokenId vocab) {
    uint64_t hash = 1469598103934665603u;
    for (const TokenId token : context) hash = (hash ^ static_cast<uint64_t>(token)) * 1099511628211u;
    return static_cast<TokenId>((hash >> 33) % static_cast<uint64_t>(vocab));
}

class FakeModel {
  public:
    using Next = std::function<TokenId(std::span<const TokenId> context)>;

    FakeModel(int32_t n_pages, int32_t page_tokens, TokenId vocab, Next next)
        : page_tokens_(page_tokens),
          vocab_(vocab),
          next_(std::move(next)),
          memory_(static_cast<size_t>(n_pages * page_tokens), -1) {
        context_.reserve(memory_.size());
    }

    // The next token's logit is 10, the others' lie between 0 and 1.
    void forward(const Batch& batch, std::span<float> logits) {
        for (const BatchSlice& slice : batch.slices)
            for (int32_t row = slice.first_row; row < slice.first_row + slice.n_rows; ++row)
                at(slice, batch.positions[static_cast<size_t>(row)]) = batch.tokens[static_cast<size_t>(row)];
        size_t slice = 0;
        for (size_t i = 0; i < batch.logit_rows.size(); ++i) {
            const int32_t row = batch.logit_rows[i];
            while (row >= batch.slices[slice].first_row + batch.slices[slice].n_rows) ++slice;
            const TokenId next = next_of(batch.slices[slice], batch.positions[static_cast<size_t>(row)]);
            const auto out = logits.subspan(i * static_cast<size_t>(vocab_), static_cast<size_t>(vocab_));
            for (TokenId id = 0; id < vocab_; ++id)
                out[static_cast<size_t>(id)] = static_cast<float>((id * 37 + next * 11) % 64) / 64;
            out[static_cast<size_t>(next)] = 10;
        }
    }

  private:
    TokenId& at(const BatchSlice& slice, int32_t position) {
        const int32_t page = slice.pages[static_cast<size_t>(position / page_tokens_)];
        return memory_[static_cast<size_t>(page * page_tokens_ + position % page_tokens_)];
    }
    TokenId next_of(const BatchSlice& slice, int32_t last_position) {
        context_.clear();
        for (int32_t position = 0; position <= last_position; ++position)
            context_.push_back(at(slice, position));
        return next_(context_);
    }

    int32_t page_tokens_;
    TokenId vocab_;
    Next next_;
    std::vector<TokenId> memory_;  // [n_pages, page_tokens]
    std::vector<TokenId> context_;
};

// Token i is pieces[i]; the last token ends the generation.
class FakeTokenizer final : public Tokenizer {
  public:
    explicit FakeTokenizer(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {
        special_.eos = vocab_size() - 1;
        special_.end_of_generation = {vocab_size() - 1};
    }
    // "a".."z" and the end.
    static FakeTokenizer letters() {
        std::vector<std::string> pieces;
        for (char c = 'a'; c <= 'z'; ++c) pieces.emplace_back(1, c);
        pieces.emplace_back("<end>");
        return FakeTokenizer(pieces);
    }

    std::vector<TokenId> encode(std::string_view, const EncodeOptions&) const override { return {}; }
    std::string token_bytes(TokenId id, bool) const override {
        return id == special_.eos ? std::string() : pieces_[static_cast<size_t>(id)];
    }
    std::string decode(std::span<const TokenId> ids, bool show_control) const override {
        std::string text;
        for (const TokenId id : ids) text += token_bytes(id, show_control);
        return text;
    }
    int32_t vocab_size() const override { return static_cast<int32_t>(pieces_.size()); }
    TokenKind kind(TokenId id) const override {
        return id == special_.eos ? TokenKind::kControl : TokenKind::kNormal;
    }
    const SpecialTokens& special() const override { return special_; }
    std::optional<TokenId> find(std::string_view) const override { return std::nullopt; }
    std::string_view piece(TokenId id) const override { return pieces_[static_cast<size_t>(id)]; }
    std::string_view model_name() const override { return "fake"; }
    std::string_view pre_name() const override { return ""; }

  private:
    std::vector<std::string> pieces_;
    SpecialTokens special_;
};

}  // namespace airframe
