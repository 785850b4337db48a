// Byte-pair encoding: the merger against a plain one, vocabularies in both spellings, damaged merges.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "airframe/text/byte_level.h"
#include "airframe/text/tokenizer_test_support.h"
#include "base/rng.h"
#include "base/utf8.h"

namespace airframe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A vocabulary with all bytes and `merges` random merges of what is there, over few letters so that they
// meet.
TestVocab random_byte_bpe(base::Rng& rng, size_t merges) {
    TestVocab vocab{.model = "gpt2"};
    for (int byte = 0; byte < 256; ++byte) {
        const char text = static_cast<char>(byte);
        vocab.add(to_byte_level({&text, 1}));
    }
    std::vector<std::string> parts = {"a", "b", "c", to_byte_level("\xC3"), to_byte_level("\xA9")};
    for (size_t i = 0; i < merges; ++i) {
        const std::string left = parts[rng.next_below(parts.size())],
                          right = parts[rng.next_below(parts.size())];
        if (left.size() + right.size() > 24 ||
            std::ranges::find(vocab.pieces, left + right) != vocab.pieces.end())
            continue;
        vocab.merges.push_back(left + " " + right);
        vocab.add(left + right);
        parts.push_back(left + right);
    }
    return vocab;
}

// The definition: of all neighbours the pair with the lowest rank, leftmost first, until none is left.
std::vector<std::string> merge_plainly(std::vector<std::string> symbols,
                                       const std::vector<std::string>& merges) {
    while (true) {
        size_t best = merges.size(), place = 0;
        for (size_t i = 0; i + 1 < symbols.size(); ++i) {
            const auto found = std::ranges::find(merges, symbols[i] + " " + symbols[i + 1]);
            const auto rank = static_cast<size_t>(found - merges.begin());
            if (rank < best) best = rank, place = i;
        }
        if (best == merges.size()) return symbols;
        symbols[place] += symbols[place + 1];
        symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(place) + 1);
    }
}

std::vector<std::string> pieces_of(const Tokenizer& tokenizer, std::string_view text) {
    std::vector<std::string> out;
    for (const TokenId id : tokenizer.encode(text, {})) out.emplace_back(tokenizer.piece(id));
    return out;
}

TEST(Bpe, MergesAsDefined) {
    base::Rng rng(11);
    for (int round = 0; round < 20; ++round) {
        const TestVocab vocab = random_byte_bpe(rng, 60);
        // One piece for the pre-tokenizer: letters only.
        const auto tokenizer =
            vocab.build([](GgufWriter& writer) { writer.add("tokenizer.ggml.pre", "gpt-2"); });
        for (const size_t length : {1u, 2u, 5u, 17u, 40u, 41u, 150u}) {
            std::string text;
            std::vector<std::string> symbols;
            for (size_t i = 0; i < length; ++i) {
                const char* const letters[] = {"a", "b", "c", "é"};
                const std::string letter = letters[rng.next_below(4)];
                text += letter;
                for (const char byte : letter) symbols.push_back(to_byte_level({&byte, 1}));
            }
            EXPECT_EQ(pieces_of(*tokenizer, text), merge_plainly(symbols, vocab.merges)) << text;
            EXPECT_EQ(pieces_of(*tokenizer, text), merge_plainly(symbols, vocab.merges)) << "the second time";
        }
    }
}

// Gemma 4's spelling: characters, U+2581, merges over whole lines; words may be cut off only where that is
// safe.
TEST(Bpe, PieceSpellingMergesAsDefined) {
    base::Rng rng(12);
    for (int round = 0; round < 40; ++round) {
        TestVocab vocab{.model = "gemma4"};
        vocab.add_byte_tokens();
        std::vector<std::string> parts = {"a", "b", "▁", "é"};
        for (const auto& part : parts) vocab.add(part);
        for (int i = 0; i < 30; ++i) {
            const std::string left = parts[rng.next_below(parts.size())],
                              right = parts[rng.next_below(parts.size())];
            if (std::ranges::find(vocab.pieces, left + right) != vocab.pieces.end()) continue;
            vocab.merges.push_back(left + " " + right);
            vocab.add(left + right);
            parts.push_back(left + right);
        }
        const auto tokenizer =
            vocab.build([](GgufWriter& writer) { writer.add("tokenizer.ggml.add_space_prefix", false); });
        std::string text;
        std::vector<std::string> symbols;
        for (int i = 0; i < 80; ++i) {
            const char* const letters[] = {"a", "b", " ", "é"};
            const size_t letter = rng.next_below(4);
            text += letters[letter];
            symbols.emplace_back(letter == 2 ? "▁" : letters[letter]);
        }
        EXPECT_EQ(pieces_of(*tokenizer, text), merge_plainly(symbols, vocab.merges)) << text;
        EXPECT_EQ(tokenizer->decode(tokenizer->encode(text + "中\n\xff", {})), text + "中\n\xff");
    }
}

TEST(Bpe, RunsOfLineEndsAreTokensBeforeTheyAreMerged) {
    TestVocab vocab{.model = "gemma4"};
    vocab.add("\n");
    vocab.add("\n\n\n");  // no merge leads here
    vocab.add("a");
    const auto tokenizer = vocab.build();
    EXPECT_THAT(tokenizer->encode("\n\n\na\n\n", {}), ElementsAre(1, 2, 0, 0));
}

TEST(Bpe, AWholePieceComesFirstWhereThePretokenizerSaysSo) {
    TestVocab vocab{.model = "gpt2"};
    for (const char* piece : {"a", "b", "c", "ab", "bc", "abc"}) vocab.add(piece);
    vocab.merges = {"b c", "a b"};  // "abc" cannot be reached
    const auto with = [&](const char* pre) {
        return vocab.build([pre](GgufWriter& writer) { writer.add("tokenizer.ggml.pre", pre); })
            ->encode("abc", {});
    };
    EXPECT_THAT(with("llama-bpe"), ElementsAre(5));
    EXPECT_THAT(with("qwen2"), ElementsAre(0, 4));
}

TEST(Bpe, MergesThatJoinNothingAreLeftOut) {
    TestVocab vocab{.model = "gpt2"};
    for (const char* piece : {"a", "b", "ab", "<|end|>"}) vocab.add(piece);
    vocab.kinds[3] = static_cast<int32_t>(TokenKind::kControl);
    for (const char* part : {"<|", "end|>"}) vocab.add(part);
    vocab.merges = {"", " ", "ab", "a ", " b", "a c", "a b", "b a", "<| end|>"};
    const auto tokenizer = vocab.build();
    EXPECT_THAT(tokenizer->encode("ab", {}), ElementsAre(2));
    EXPECT_THAT(tokenizer->encode("ba", {}), ElementsAre(1, 0));
}

TEST(Bpe, MergesAreNeeded) {
    const auto made = make_tokenizer([](GgufWriter& writer) {
        writer.add("tokenizer.ggml.model", "gpt2");
        writer.add_array("tokenizer.ggml.tokens",
                         std::span<const std::string>(std::vector<std::string>{"a"}));
    });
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().message, HasSubstr("tokenizer.ggml.merges is missing"));
}

TEST(Bpe, TokensOutsideTheAlphabetAreLiteral) {
    TestVocab vocab{.model = "gpt2"};
    vocab.add("Ġ");
    vocab.add("é");  // a stand-in: the byte E9
    vocab.add("｜x", TokenKind::kUserDefined);
    const auto tokenizer = vocab.build();
    EXPECT_EQ(tokenizer->token_bytes(0), " ");
    EXPECT_EQ(tokenizer->token_bytes(1), "\xE9");
    EXPECT_EQ(tokenizer->token_bytes(2), "｜x");
    EXPECT_THAT(tokenizer->encode(" ｜x \xE9", {}), ElementsAre(0, 2, 0, 1));
}

TEST(ByteLevel, EveryByteHasAStandIn) {
    std::string all;
    for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
    const std::string spelled = to_byte_level(all);
    EXPECT_TRUE(base::is_valid_utf8(spelled));
    EXPECT_EQ(spelled.find(' '), std::string::npos);
    std::string back = "kept ";
    EXPECT_TRUE(append_byte_level(spelled, back));
    EXPECT_EQ(back, "kept " + all);
    EXPECT_EQ(to_byte_level(" \n"), "ĠĊ");
    for (const char* literal : {"｜", " ", "\xC4", "a\xFF", "Ƣ"}) {
        EXPECT_FALSE(append_byte_level(literal, back));
        EXPECT_EQ(back, "kept " + all);
    }
}

}  // namespace
}  // namespace airframe
