// The tokenizer as a whole, on small vocabularies made here: roles, special tokens, damage.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "airframe/text/tokenizer_test_support.h"

namespace airframe {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// A SentencePiece vocabulary with "hello" in steps, a user-defined and some control tokens.
TestVocab small_spm() {
    TestVocab vocab{.model = "llama"};
    vocab.add("<unk>", TokenKind::kUnknown);
    vocab.add("<s>", TokenKind::kControl);
    vocab.add("</s>", TokenKind::kControl);
    vocab.add_byte_tokens();  // 3 to 258
    const char* pieces[] = {"▁", "h", "e", "l", "o", "▁h", "el", "lo", "ello", "▁hello", "h>"};
    float score = -1;
    for (const char* piece : pieces) vocab.add(piece, TokenKind::kNormal, score -= 1);  // from 259
    vocab.add("[USER]", TokenKind::kUserDefined);                                       // 270
    vocab.add("<|im_end|>", TokenKind::kControl);                                       // 271
    return vocab;
}
constexpr TokenId kSpace = 259, kHello = 268, kUser = 270, kImEnd = 271;

std::string error_of(const TestVocab& vocab, const std::function<void(GgufWriter&)>& more = {}) {
    const auto made = make_tokenizer([&](GgufWriter& writer) {
        vocab.write(writer);
        if (more) more(writer);
    });
    if (made) return "";
    EXPECT_EQ(made.error().code, base::ErrorCode::kBadFile);
    EXPECT_FALSE(made.error().param.empty());
    return made.error().message;
}

TEST(Tokenizer, RolesComeFromKeysThenFromTexts) {
    const auto tokenizer = small_spm().build();
    const SpecialTokens& special = tokenizer->special();
    EXPECT_EQ(special.bos, 1);
    EXPECT_EQ(special.eos, 2);
    EXPECT_EQ(special.unk, 0);
    EXPECT_EQ(special.eot, kImEnd);
    EXPECT_TRUE(special.add_bos);
    EXPECT_FALSE(special.add_eos);
    EXPECT_THAT(special.end_of_generation, ElementsAre(2, kImEnd));
    EXPECT_TRUE(tokenizer->ends_generation(kImEnd));
    EXPECT_FALSE(tokenizer->ends_generation(1));

    const auto keyed = small_spm().build([](GgufWriter& writer) {
        writer.add("tokenizer.ggml.eos_token_id", uint32_t{271});
        writer.add("tokenizer.ggml.add_bos_token", false);
        writer.add("tokenizer.ggml.add_eos_token", true);
        writer.add("tokenizer.ggml.padding_token_id", uint32_t{5000});    // found in the wild: ignored
        writer.add("tokenizer.ggml.eot_token_id", uint32_t{0xffffffff});  // "none"
    });
    EXPECT_EQ(keyed->special().eos, kImEnd);
    EXPECT_FALSE(keyed->special().pad);
    EXPECT_THAT(keyed->encode("", {.add_special = true}), ElementsAre(kImEnd));
}

TEST(Tokenizer, HarmonyGoesOnAfterAMessage) {
    TestVocab vocab = small_spm();
    vocab.add("<|end|>", TokenKind::kControl);     // 272
    vocab.add("<|return|>", TokenKind::kControl);  // 273
    EXPECT_THAT(vocab.build()->special().end_of_generation, ElementsAre(2, kImEnd, 273));
}

TEST(Tokenizer, ATokenThatEndsAnswersIsControlWhateverTheFileSays) {
    TestVocab vocab = small_spm();
    vocab.kinds[kImEnd] = static_cast<int32_t>(TokenKind::kNormal);
    const auto tokenizer = vocab.build();
    EXPECT_EQ(tokenizer->kind(kImEnd), TokenKind::kControl);
    EXPECT_THAT(tokenizer->encode("<|im_end|>", {}), Not(Contains(kImEnd)));
}

TEST(Tokenizer, SpacePrefixComesAtTheStartAndAfterControlTokens) {
    const auto tokenizer = small_spm().build();
    EXPECT_THAT(tokenizer->encode("hello", {.add_special = true}), ElementsAre(1, kHello));
    EXPECT_THAT(tokenizer->encode("", {}), ElementsAre());
    EXPECT_THAT(tokenizer->encode("hello<|im_end|>hello", {.parse_special = true}),
                ElementsAre(kHello, kImEnd, kHello));
    EXPECT_THAT(tokenizer->encode("[USER] hello", {}), ElementsAre(kSpace, kUser, kHello));
    EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{1, kHello, kHello}), "hello hello");
    EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{1, kHello}, true), "<s>hello");

    const auto without =
        small_spm().build([](GgufWriter& writer) { writer.add("tokenizer.ggml.add_space_prefix", false); });
    EXPECT_THAT(without->encode(" hello", {}), ElementsAre(kHello));
    EXPECT_EQ(without->decode(std::vector<TokenId>{kHello}), " hello");
}

// A token that was added to a SentencePiece model, which converters mark by its score, stands outside the
// text.
TEST(Tokenizer, SpacePrefixComesAfterAddedTokens) {
    TestVocab vocab = small_spm();
    vocab.scores[kUser] = -1000;
    EXPECT_THAT(vocab.build()->encode("[USER]hello", {}), ElementsAre(kUser, kHello));
    EXPECT_THAT(small_spm().build()->encode("[USER] hello", {}), ElementsAre(kSpace, kUser, kHello));
}

TEST(Tokenizer, ExtraSpacesGoWhereTheVocabularySaysSo) {
    const auto tokenizer = small_spm().build(
        [](GgufWriter& writer) { writer.add("tokenizer.ggml.remove_extra_whitespaces", true); });
    EXPECT_THAT(tokenizer->encode("  hello   hello ", {}), ElementsAre(kHello, kHello));
}

TEST(Tokenizer, BytesWithoutATokenFallBack) {
    const auto tokenizer = small_spm().build();
    EXPECT_THAT(tokenizer->encode("é\xff", {}), ElementsAre(kSpace, 3 + 0xC3, 3 + 0xA9, 3 + 0xFF));
    // The spelling of a byte token, or of the unknown token, is only text.
    EXPECT_EQ(tokenizer->decode(tokenizer->encode("<0x41><unk>", {})), "<0x41><unk>");
}

TEST(Tokenizer, FindsPiecesAsStored) {
    const auto tokenizer = small_spm().build();
    for (TokenId id = 0; id < tokenizer->vocab_size(); ++id)
        EXPECT_EQ(tokenizer->find(tokenizer->piece(id)), id);
    EXPECT_EQ(tokenizer->find("no such piece"), std::nullopt);
    EXPECT_EQ(tokenizer->find(" hello"), std::nullopt);
    EXPECT_EQ(tokenizer->find(""), std::nullopt);
}

TEST(Tokenizer, StreamKeepsBackHalfCharacters) {
    const auto tokenizer = small_spm().build();
    StreamDecoder decoder(*tokenizer, true);
    EXPECT_EQ(decoder.push(kHello), "hello");
    EXPECT_EQ(decoder.push(3 + 0xE2), "");
    EXPECT_EQ(decoder.push(3 + 0x82), "");
    EXPECT_EQ(decoder.push(3 + 0xAC), "€");
    EXPECT_EQ(decoder.push(3 + 0xE2), "");
    EXPECT_EQ(decoder.push(kHello), "\uFFFD hello");
    EXPECT_EQ(decoder.push(kImEnd), "");
    EXPECT_EQ(decoder.push(3 + 0xF0), "");
    EXPECT_EQ(decoder.finish(), "\uFFFD");
    EXPECT_EQ(decoder.finish(), "");
    StreamDecoder inside(*tokenizer);
    EXPECT_EQ(inside.push(kHello), " hello");
}

// The tokens of Phi 3 swallow the white space after them; its makers' file says so, GGUF does not.
TEST(Tokenizer, TokensOfPhi3SwallowTheSpaceBehindThem) {
    const auto named = [](const char* name) {
        return [name](GgufWriter& writer) { writer.add("general.name", name); };
    };
    const EncodeOptions options{.parse_special = true};
    EXPECT_THAT(small_spm().build(named("Phi-3 mini"))->encode("<|im_end|> \n\thello", options),
                ElementsAre(kImEnd, kHello));
    EXPECT_THAT(small_spm().build(named("other"))->encode("<|im_end|> hello", options),
                ElementsAre(kImEnd, kSpace, kHello));
}

TEST(Tokenizer, SayWhichKindsThereAre) {
    for (const char* model : {"rwkv", "none", "plamo2"}) {
        TestVocab vocab = small_spm();
        vocab.model = model;
        const auto made = make_tokenizer([&](GgufWriter& writer) { vocab.write(writer); });
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().code, base::ErrorCode::kUnsupported);
        EXPECT_THAT(made.error().message, HasSubstr(model));
        EXPECT_THAT(made.error().message, HasSubstr("llama, gpt2, gemma4, bert, t5"));
    }
    const auto nothing = make_tokenizer([](GgufWriter&) {});
    ASSERT_FALSE(nothing);
    EXPECT_THAT(nothing.error().message, HasSubstr("tokenizer.ggml.model is missing"));
}

TEST(Tokenizer, DamageIsNamed) {
    const auto key = [](const char* name, uint32_t value) {
        return [=](GgufWriter& writer) { writer.add(std::string("tokenizer.ggml.") + name, value); };
    };
    EXPECT_EQ(error_of(small_spm()), "");
    EXPECT_THAT(error_of(small_spm(), key("bos_token_id", 4000000000u)),
                HasSubstr("bos_token_id is 4000000000"));
    EXPECT_THAT(error_of(small_spm(), key("eos_token_id", 272)), HasSubstr("eos_token_id is 272"));
    EXPECT_THAT(error_of(small_spm(), key("add_bos_token", 1)), HasSubstr("add_bos_token"));

    const auto damaged = [](const std::function<void(TestVocab&)>& damage) {
        TestVocab vocab = small_spm();
        damage(vocab);
        return error_of(vocab);
    };
    EXPECT_THAT(damaged([](TestVocab& v) { v.scores.pop_back(); }),
                HasSubstr("scores has 271 values for 272 tokens"));
    EXPECT_THAT(damaged([](TestVocab& v) { v.kinds.pop_back(); }),
                HasSubstr("token_type has 271 values for 272"));
    EXPECT_THAT(damaged([](TestVocab& v) { v.scores[7] = std::nanf(""); }),
                HasSubstr("not a number at token 7"));
    EXPECT_THAT(damaged([](TestVocab& v) { v.pieces[5] = "<0xZZ>"; }),
                HasSubstr("[5] is the byte token '<0xZZ>'"));
    EXPECT_THAT(damaged([](TestVocab& v) { v.pieces[5] = "<0x-1>"; }), HasSubstr("<0x-1>"));
    EXPECT_THAT(damaged([](TestVocab& v) { v.pieces.clear(); }), HasSubstr("tokens is an empty list"));
    EXPECT_THAT(damaged([](TestVocab& v) { v.model = "bert", v.pieces.clear(); }), HasSubstr("empty list"));
}

TEST(Tokenizer, ColumnsOfTheWrongTypeAreNamed) {
    const std::vector<std::string> pieces = {"a", "b"};
    const auto with = [&](const std::function<void(GgufWriter&)>& more) {
        const auto made = make_tokenizer([&](GgufWriter& writer) {
            writer.add("tokenizer.ggml.model", "llama");
            writer.add_array("tokenizer.ggml.tokens", std::span(pieces));
            more(writer);
        });
        return made ? "" : made.error().message;
    };
    const std::vector<uint8_t> narrow = {1, 1};
    EXPECT_THAT(with([](GgufWriter&) {}), HasSubstr("scores is missing"));
    EXPECT_THAT(with([&](GgufWriter& w) { w.add_array("tokenizer.ggml.scores", std::span(narrow)); }),
                HasSubstr("scores is a list of u8"));
    EXPECT_THAT(with([&](GgufWriter& w) { w.add_array("tokenizer.ggml.token_type", std::span(narrow)); }),
                HasSubstr("token_type is a list of u8"));
    EXPECT_THAT(with([&](GgufWriter& w) { w.add("tokenizer.ggml.scores", "none"); }),
                HasSubstr("scores is a string"));
}

// Strange, but found in files that work.
TEST(Tokenizer, OdditiesAreLivedWith) {
    TestVocab vocab = small_spm();
    vocab.add("hello", TokenKind::kNormal, -100);
    vocab.add("hello", TokenKind::kNormal, 100);  // repeats an earlier one
    vocab.add("");
    vocab.add("\xff\xfe");
    vocab.kinds[kHello - 1] = 99;
    const auto tokenizer = vocab.build();
    EXPECT_THAT(tokenizer->encode(" hello", {}), ElementsAre(kSpace, kHello));
    EXPECT_EQ(tokenizer->decode(tokenizer->encode("\xff\xfe", {})), "\xff\xfe");
}

TEST(Tokenizer, EmptyPiecesEncodeToNothing) {
    TestVocab vocab{.model = "llama"};
    for (int i = 0; i < 5; ++i) vocab.add("");
    const auto tokenizer = vocab.build();
    EXPECT_THAT(tokenizer->encode("hello", {.add_special = true, .parse_special = true}), ElementsAre());
}

}  // namespace
}  // namespace airframe
