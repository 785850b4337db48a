#include "airframe/engine/fill_in.h"

#include <gtest/gtest.h>

#include "airframe/engine/fake_model.h"

namespace airframe {
namespace {

// Letters, and the special tokens that a test gives it.
class LetterTokenizer final : public Tokenizer {
  public:
    explicit LetterTokenizer(const SpecialTokens& special) : special_(special) {}
    std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options) const override {
        EXPECT_FALSE(options.parse_special) << "texts are plain";
        EXPECT_FALSE(options.add_special);
        std::vector<TokenId> ids;
        for (const char c : text) ids.push_back(c - 'a');
        return ids;
    }
    std::string token_bytes(TokenId id, bool show) const override { return letters_.token_bytes(id, show); }
    std::string decode(std::span<const TokenId> ids, bool show) const override {
        return letters_.decode(ids, show);
    }
    int32_t vocab_size() const override { return letters_.vocab_size(); }
    TokenKind kind(TokenId id) const override { return letters_.kind(id); }
    const SpecialTokens& special() const override { return special_; }
    std::optional<TokenId> find(std::string_view) const override { return std::nullopt; }
    std::string_view piece(TokenId id) const override { return letters_.piece(id); }
    std::string_view model_name() const override { return "letters"; }
    std::string_view pre_name() const override { return ""; }

  private:
    FakeTokenizer letters_ = FakeTokenizer::letters();
    SpecialTokens special_;
};

TEST(FillIn, PutsPrefixSuffixAndMiddleBehindTheirTokens) {
    SpecialTokens special;
    special.fim_prefix = 20, special.fim_suffix = 21, special.fim_middle = 22;
    EXPECT_EQ(*fill_in_prompt(LetterTokenizer(special), "ab", "c"),
              (std::vector<TokenId>{20, 0, 1, 21, 2, 22}));
    EXPECT_EQ(*fill_in_prompt(LetterTokenizer(special), "", ""), (std::vector<TokenId>{20, 21, 22}));
    special.bos = 25;
    special.add_bos = true;
    EXPECT_EQ(*fill_in_prompt(LetterTokenizer(special), "a", ""), (std::vector<TokenId>{25, 20, 0, 21, 22}));
}

TEST(FillIn, NeedsAllThreeTokens) {
    for (int missing = 0; missing < 3; ++missing) {
        SpecialTokens special;
        special.fim_prefix = 20, special.fim_suffix = 21, special.fim_middle = 22;
        (missing == 0 ? special.fim_prefix : missing == 1 ? special.fim_suffix : special.fim_middle).reset();
        const auto prompt = fill_in_prompt(LetterTokenizer(special), "a", "b");
        ASSERT_FALSE(prompt);
        EXPECT_EQ(prompt.error().code, base::ErrorCode::kUnsupported);
    }
}

}  // namespace
}  // namespace airframe
