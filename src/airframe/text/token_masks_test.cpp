// Masks: a token is allowed exactly when its bytes may come, whatever ways the masks take to find out; what
// is written along them is a text of the grammar.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "airframe/text/random_schema.h"
#include "airframe/text/token_masks.h"
#include "airframe/text/tokenizer_test_support.h"
#include "base/utf8.h"

namespace airframe {
namespace {

using ::testing::HasSubstr;

// Bytes, pieces of JSON, words, parts of characters, and control tokens.
std::unique_ptr<Tokenizer> small_tokenizer() {
    TestVocab vocab{.model = "llama"};
    vocab.add("<unk>", TokenKind::kUnknown);
    vocab.add("<s>", TokenKind::kControl);
    vocab.add("</s>", TokenKind::kControl);
    vocab.add("<|call|>", TokenKind::kControl);
    vocab.add("<tool>", TokenKind::kUserDefined);
    vocab.add_byte_tokens();
    for (const char* piece : {"\"",        "\",",        "\":",
                              "\": \"",    "\"}",        "\"]",
                              "{\"",       "[\"",        "\\",
                              "\\\"",      "\\n",        "\\u",
                              "\\u00",     "\\ud83d",    "\\ude00x",
                              "\\u00e9ab", "a",          "ab",
                              "abc",       "key",        "key1",
                              "\"key0\":", "true",       "null",
                              "al",        "se",         "12",
                              "00",        "2024",       "-",
                              "-0",        "1.5",        "e+",
                              "ü",         "üx",         "x\",",
                              "ab\"}",     "▁",          "▁▁",
                              "▁▁▁▁",      "\n",         "\n▁",
                              "red",       "gre",        "en\"",
                              "日本",      "日",         "😀",
                              "😀\"",      "abcdefghij", "abcdefghijabcdefghijabcdefghijabcdefghij",
                              ",▁\"",      "}",          "}}",
                              "]}",        "@",          ".com",
                              "a.b"})
        vocab.add(piece);
    base::Rng rng(5);
    for (int i = 0; i < 300; ++i) {
        constexpr std::string_view kLetters = "ab\"\\{}[],:u0dn1-. ek";
        std::string piece;
        for (uint64_t n = 1 + rng.next_below(6); n > 0; --n)
            piece += kLetters[rng.next_below(kLetters.size())];
        vocab.add(piece);
    }
    return vocab.build([](GgufWriter& writer) { writer.add("tokenizer.ggml.eos_token_id", uint32_t{2}); });
}

bool has(TokenMasks::Mask mask, TokenId id) {
    return ((mask[static_cast<size_t>(id) / 64] >> (static_cast<size_t>(id) % 64)) & 1) != 0;
}

std::vector<TokenId> ids_of(TokenMasks::Mask mask) {
    std::vector<TokenId> ids;
    for (size_t word = 0; word < mask.size(); ++word)
        for (uint64_t bits = mask[word]; bits != 0; bits &= bits - 1)
            ids.push_back(static_cast<TokenId>(word * 64 + static_cast<size_t>(std::countr_zero(bits))));
    return ids;
}

class Writer {
  public:
    Writer(const Tokenizer& tokenizer, std::shared_ptr<const TokenTrie> trie, const GrammarPtr& grammar)
        : tokenizer_(tokenizer), trie_(std::move(trie)), masks_(grammar, trie_), plain_(grammar) {}

    // Writes a text of at most `tokens` tokens by chance, checking every mask when `thorough`; true: it
    // ended.
    bool write(base::Rng& rng, int tokens, bool thorough) {
        text_.clear();
        GrammarState state = masks_.start();
        for (int i = 0; i < tokens; ++i) {
            const auto mask = masks_.mask(state);
            EXPECT_TRUE(mask) << mask.error().message << " after " << text_;
            if (!mask) return false;
            if (thorough) check(*mask);
            const auto ids = ids_of(*mask);
            const TokenId id = ids[rng.next_below(ids.size())];
            if (tokenizer_.ends_generation(id)) {
                EXPECT_TRUE(plain_.accepts(text_)) << text_;
                return true;
            }
            text_ += trie_->text(id);
            state = masks_.advance(state, id);
            EXPECT_NE(state, GrammarMachine::kDead);
        }
        return false;
    }
    const std::string& text() const { return text_; }
    TokenMasks& masks() { return masks_; }

  private:
    void check(TokenMasks::Mask mask) {
        const GrammarState at = plain_.walk(plain_.start(), text_);
        for (TokenId id = 0; id < tokenizer_.vocab_size(); ++id) {
            const std::string_view token = trie_->text(id);
            const bool right = tokenizer_.ends_generation(id)
                                   ? plain_.complete(at)
                                   : !token.empty() && plain_.walk(at, token) != GrammarMachine::kDead;
            ASSERT_EQ(has(mask, id), right) << "token '" << token << "' after " << text_;
        }
    }

    const Tokenizer& tokenizer_;
    std::shared_ptr<const TokenTrie> trie_;
    TokenMasks masks_;
    GrammarMachine plain_;
    std::string text_;
};

TEST(TokenMasks, AreWhatWalkingEveryTokenTells) {
    const auto tokenizer = small_tokenizer();
    const auto trie = TokenTrie::create(*tokenizer);
    base::Rng rng(1);
    RandomSchema schemas(2);
    int ended = 0, written = 0;
    for (int i = 0; i < 60; ++i) {
        const std::string schema = schemas.schema();
        const auto grammar = compile_json_schema(schema);
        ASSERT_TRUE(grammar) << schema << grammar.error().message;
        SCOPED_TRACE(schema);
        Writer writer(*tokenizer, trie, *grammar);
        for (int run = 0; run < 4; ++run, ++written) ended += writer.write(rng, 60, true) ? 1 : 0;
        if (testing::Test::HasFailure()) return;
    }
    EXPECT_GT(ended, written / 10);
}

TEST(TokenMasks, WhatIsWrittenAlongThemIsAccepted) {
    const auto tokenizer = small_tokenizer();
    const auto trie = TokenTrie::create(*tokenizer);
    base::Rng rng(3);
    RandomSchema schemas(4);
    int ended = 0;
    for (int i = 0; i < 150; ++i) {
        const std::string schema = schemas.schema();
        const auto grammar = compile_json_schema(schema);
        ASSERT_TRUE(grammar) << schema << grammar.error().message;
        SCOPED_TRACE(schema);
        Writer writer(*tokenizer, trie, *grammar);
        for (int run = 0; run < 30; ++run) ended += writer.write(rng, 300, false) ? 1 : 0;
        if (testing::Test::HasFailure()) return;
    }
    EXPECT_GT(ended, 1000);
}

TEST(TokenMasks, OfGrammarsAndExpressionsToo) {
    const auto tokenizer = small_tokenizer();
    const auto trie = TokenTrie::create(*tokenizer);
    base::Rng rng(9);
    const base::Result<GrammarPtr> grammars[] = {
        compile_gbnf("root ::= (\"(\" root \")\" | [a-zü]+ | \"[\" root \",\" root \"]\")"),
        compile_gbnf("root ::= (\"a\" | \"ab\") (\"c\" | \"bc\")* [^\\n]?"),
        compile_regex_grammar("[a-z]+@[a-z]{1,9}\\.com|日本+|\\d{4}-\\d\\d"),
        compile_regex_grammar(".{0,20}"),
        compile_choice(std::vector<std::string>{"abc", "abcdefghij", "red", "日"}),
        compile_json_object(),
    };
    for (const auto& grammar : grammars) {
        ASSERT_TRUE(grammar);
        Writer writer(*tokenizer, trie, *grammar);
        for (int run = 0; run < 20; ++run) writer.write(rng, 40, true);
    }
}

TEST(TokenMasks, LeaveControlTokensOutAndEndWhereTheTextMay) {
    const auto tokenizer = small_tokenizer();
    const auto trie = TokenTrie::create(*tokenizer);
    TokenMasks masks(*compile_regex_grammar("[^x]+"), trie);
    const auto first = masks.mask(masks.start());
    ASSERT_TRUE(first);
    EXPECT_TRUE(has(*first, *tokenizer->find("<tool>")));
    for (const char* name : {"<unk>", "<s>", "</s>", "<|call|>"})
        EXPECT_FALSE(has(*first, *tokenizer->find(name))) << name;
    const GrammarState later = masks.advance(masks.start(), *tokenizer->find("abc"));
    EXPECT_TRUE(has(*masks.mask(later), *tokenizer->find("</s>")));
    EXPECT_EQ(masks.advance(later, *tokenizer->find("<|call|>")), GrammarMachine::kDead);
}

TEST(TokenMasks, ADeadEndIsAnError) {
    TestVocab vocab{.model = "llama"};
    for (const char* piece : {"a", "b", "ab"}) vocab.add(piece);
    vocab.add("</s>", TokenKind::kControl);
    const auto tokenizer =
        vocab.build([](GgufWriter& writer) { writer.add("tokenizer.ggml.eos_token_id", uint32_t{3}); });
    TokenMasks masks(*compile_choice(std::vector<std::string>{"abc"}), TokenTrie::create(*tokenizer));
    ASSERT_TRUE(masks.mask(masks.start()));
    const auto stuck = masks.mask(masks.advance(masks.start(), 2));
    ASSERT_FALSE(stuck);
    EXPECT_THAT(stuck.error().message, HasSubstr("No token"));
}

TEST(TokenMasks, KeepWithinTheirMemory) {
    const auto tokenizer = small_tokenizer();
    const auto trie = TokenTrie::create(*tokenizer);
    TokenMasks masks(*compile_json_schema(R"({"type": "string", "maxLength": 200000})"), trie);
    GrammarState state = masks.advance(masks.start(), *tokenizer->find("\""));
    for (int i = 0; i < 10'000; ++i) {
        ASSERT_TRUE(masks.mask(state));
        state = masks.advance(state, *tokenizer->find("a"));
    }
    EXPECT_LT(masks.memory_bytes(), size_t{80} << 20);
}

TEST(TokenMasks, OfRealVocabularies) {
    const char* data = std::getenv("SHIMMY_TEST_DATA");
    if (data == nullptr) GTEST_SKIP() << "SHIMMY_TEST_DATA is not set";
    base::Rng rng(11);
    each_real_tokenizer(data, [&](const std::string& name, const Tokenizer& tokenizer) {
        const auto trie = TokenTrie::create(tokenizer);
        if (trie->end_tokens().empty() || name.find("bert") != std::string::npos) return;
        RandomSchema schemas(12);
        const auto grammar = compile_json_schema(schemas.object(2));
        ASSERT_TRUE(grammar);
        Writer writer(tokenizer, trie, *grammar);
        writer.write(rng, 12, true);
        for (int run = 0; run < 5; ++run) writer.write(rng, 100, false);
    });
}

}  // namespace
}  // namespace airframe
