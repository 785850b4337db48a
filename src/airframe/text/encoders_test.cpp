// SentencePiece's merges, unigram and WordPiece against plain definitions on small vocabularies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "airframe/text/token_pair.h"
#include "airframe/text/tokenizer_test_support.h"
#include "base/rng.h"

namespace airframe {
namespace {

using ::testing::ElementsAre;

const auto kNoPrefix = [](GgufWriter& writer) { writer.add("tokenizer.ggml.add_space_prefix", false); };

// Pieces over few letters with random scores; `share_unused` of ten are unused.
TestVocab random_vocab(base::Rng& rng, const char* model, uint64_t share_unused) {
    TestVocab vocab{.model = model};
    vocab.add("<unk>", TokenKind::kUnknown);
    vocab.add_byte_tokens();
    const char* const letters[] = {"a", "b", "▁", "é"};
    for (const char* letter : letters) vocab.add(letter, TokenKind::kNormal, -20);
    for (int i = 0; i < 60; ++i) {
        std::string piece;
        for (uint64_t length = 2 + rng.next_below(5); length > 0; --length)
            piece += letters[rng.next_below(4)];
        if (std::ranges::find(vocab.pieces, piece) != vocab.pieces.end()) continue;
        const bool unused = rng.next_below(10) < share_unused;
        // Few different scores, so that ties happen.
        vocab.add(piece, unused ? TokenKind::kUnused : TokenKind::kNormal,
                  -static_cast<float>(rng.next_below(8)));
    }
    return vocab;
}

std::vector<std::string> random_letters(base::Rng& rng, size_t count) {
    const char* const letters[] = {"a", "b", "▁", "é"};
    std::vector<std::string> out;
    for (size_t i = 0; i < count; ++i) out.emplace_back(letters[rng.next_below(4)]);
    return out;
}

std::string joined(const std::vector<std::string>& parts) {
    std::string out;
    for (const auto& part : parts) out += part;
    return out;
}

// The definition: the pair whose joint piece has the best score, leftmost first, until no pair is a piece.
std::vector<std::string> merge_plainly(std::vector<std::string> symbols, const TestVocab& vocab) {
    while (true) {
        std::optional<size_t> best;
        float best_score = 0;
        for (size_t i = 0; i + 1 < symbols.size(); ++i) {
            const auto found = std::ranges::find(vocab.pieces, symbols[i] + symbols[i + 1]);
            if (found == vocab.pieces.end()) continue;
            const float score = vocab.scores[static_cast<size_t>(found - vocab.pieces.begin())];
            if (!best || score > best_score) best = i, best_score = score;
        }
        if (!best) return symbols;
        symbols[*best] += symbols[*best + 1];
        symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(*best) + 1);
    }
}

std::vector<std::string> pieces_of(const Tokenizer& tokenizer, std::string_view text) {
    std::vector<std::string> out;
    for (const TokenId id : tokenizer.encode(text, {})) out.emplace_back(tokenizer.piece(id));
    return out;
}

TEST(Spm, MergesAsDefined) {
    base::Rng rng(21);
    for (int round = 0; round < 60; ++round) {
        const TestVocab vocab = random_vocab(rng, "llama", 0);
        const auto tokenizer = vocab.build(kNoPrefix);
        for (const size_t length : {1u, 2u, 7u, 30u, 120u}) {
            const auto letters = random_letters(rng, length);
            EXPECT_EQ(pieces_of(*tokenizer, joined(letters)), merge_plainly(letters, vocab));
            EXPECT_EQ(pieces_of(*tokenizer, joined(letters)), merge_plainly(letters, vocab))
                << "the second time";
        }
    }
}

TEST(Spm, UnusedTokensAreOnlySteppingStones) {
    TestVocab vocab{.model = "llama"};
    for (const char* letter : {"a", "b", "c"}) vocab.add(letter);
    vocab.add("ab", TokenKind::kUnused, 3);
    vocab.add("abc", TokenKind::kNormal, 2);
    const auto tokenizer = vocab.build(kNoPrefix);
    EXPECT_THAT(tokenizer->encode("abc", {}), ElementsAre(4));
    EXPECT_THAT(tokenizer->encode("abab", {}), ElementsAre(0, 1, 0, 1));

    base::Rng rng(22);
    for (int round = 0; round < 60; ++round) {
        const auto random = random_vocab(rng, "llama", 4).build(kNoPrefix);
        const std::string text = joined(random_letters(rng, 60));
        const auto ids = random->encode(text, {});
        EXPECT_EQ(random->decode(ids), random->decode(random->encode(random->decode(ids), {})));
        for (const TokenId id : ids) EXPECT_NE(random->kind(id), TokenKind::kUnused);
    }
}

double score_of(const Tokenizer& tokenizer, const TestVocab& vocab, std::span<const TokenId> ids) {
    double sum = 0;
    for (const TokenId id : ids)
        sum += tokenizer.kind(id) == TokenKind::kNormal ? vocab.scores[static_cast<size_t>(id)] : 0;
    return sum;
}

// The best sum of scores over all spellings, by trying each.
double best_score(const TestVocab& vocab, const std::string& text, size_t at,
                  std::map<size_t, double>& known) {
    if (at == text.size()) return 0;
    if (const auto found = known.find(at); found != known.end()) return found->second;
    double best = -1e9;
    for (size_t i = 0; i < vocab.pieces.size(); ++i)
        if (vocab.kinds[i] == static_cast<int32_t>(TokenKind::kNormal) &&
            text.compare(at, vocab.pieces[i].size(), vocab.pieces[i]) == 0)
            best =
                std::max(best, vocab.scores[i] + best_score(vocab, text, at + vocab.pieces[i].size(), known));
    return known[at] = best;
}

TEST(Unigram, FindsTheBestSpelling) {
    base::Rng rng(31);
    for (int round = 0; round < 60; ++round) {
        const TestVocab vocab = random_vocab(rng, "t5", 0);
        const auto tokenizer = vocab.build(kNoPrefix);
        const std::string text = joined(random_letters(rng, 40));
        const auto ids = tokenizer->encode(text, {});
        std::string spelled;
        for (const TokenId id : ids) spelled += tokenizer->piece(id);
        EXPECT_EQ(spelled, text);
        std::map<size_t, double> known;
        EXPECT_NEAR(score_of(*tokenizer, vocab, ids), best_score(vocab, text, 0, known), 1e-4);
    }
}

TEST(Unigram, SpacesAndUnknownCharacters) {
    TestVocab vocab{.model = "t5"};
    vocab.add("<pad>", TokenKind::kControl);
    vocab.add("</s>", TokenKind::kControl);
    vocab.add("<unk>", TokenKind::kUnknown);
    for (const char* piece : {"▁", "▁a", "a", "b"}) vocab.add(piece, TokenKind::kNormal, -1);  // 3 to 6
    const auto tokenizer = vocab.build([](GgufWriter& writer) {
        writer.add("tokenizer.ggml.unknown_token_id", uint32_t{2});
        writer.add("tokenizer.ggml.eos_token_id", uint32_t{1});
        writer.add("tokenizer.ggml.add_space_prefix", true);
        writer.add("tokenizer.ggml.remove_extra_whitespaces", true);
    });
    EXPECT_THAT(tokenizer->encode("  a   ab ", {.add_special = true}), ElementsAre(4, 4, 6, 1));
    EXPECT_THAT(tokenizer->encode("a中文b", {}), ElementsAre(4, 2, 6));  // one unknown for both
    EXPECT_THAT(tokenizer->encode("   ", {}), ElementsAre());
    EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{4, 4, 6}), "a ab");
}

TestVocab small_bert() {
    TestVocab vocab{.model = "bert"};
    vocab.add("[UNK]", TokenKind::kControl);
    vocab.add("[CLS]", TokenKind::kControl);
    vocab.add("[SEP]", TokenKind::kControl);
    for (const char* piece : {"▁un", "aff", "able", "▁,", "▁中", "▁文", "▁e", "▁a", "a", "▁"})
        vocab.add(piece);
    return vocab;
}

void bert_keys(GgufWriter& writer) {
    writer.add("tokenizer.ggml.unknown_token_id", uint32_t{0});
    writer.add("tokenizer.ggml.cls_token_id", uint32_t{1});
    writer.add("tokenizer.ggml.seperator_token_id", uint32_t{2});
}

TEST(WordPiece, SpellsWordsWithTheLongestTokens) {
    const auto tokenizer = small_bert().build(bert_keys);
    EXPECT_THAT(tokenizer->encode("Unaffable, unaff", {.add_special = true}),
                ElementsAre(1, 3, 4, 5, 6, 3, 4, 2));
    EXPECT_THAT(tokenizer->encode("中文é", {}), ElementsAre(7, 8, 9));
    EXPECT_THAT(tokenizer->encode("unx ,x", {}),
                ElementsAre(0, 6, 0));  // a word is spelled whole, or unknown
    EXPECT_THAT(tokenizer->encode("a\u0085\u200da\t \r\n", {}), ElementsAre(10, 11));
    EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{1, 3, 4, 5, 6, 2}), "unaffable ,");
}

TEST(WordPiece, LongWordsAreUnknown) {
    const auto tokenizer = small_bert().build(bert_keys);
    EXPECT_EQ(tokenizer->encode(std::string(100, 'a'), {}).size(), 100);
    EXPECT_THAT(tokenizer->encode(std::string(101, 'a'), {}), ElementsAre(0));
}

TEST(WordPiece, CaseAndAccentsStayWhereTheVocabularySaysSo) {
    const auto tokenizer = small_bert().build([](GgufWriter& writer) {
        bert_keys(writer);
        writer.add("tokenizer.ggml.normalizer.lowercase", false);
    });
    EXPECT_THAT(tokenizer->encode("un Un é", {}), ElementsAre(3, 0, 0));
}

TEST(TokenPair, HasBertsFormForWordPieces) {
    const auto tokenizer = small_bert().build(bert_keys);
    const TokenPair pair = encode_pair(*tokenizer, "Unaffable", "un [SEP]");
    EXPECT_THAT(std::vector(pair.tokens.begin(), pair.tokens.begin() + 7), ElementsAre(1, 3, 4, 5, 2, 3, 0));
    EXPECT_EQ(pair.second_from, 5);
    EXPECT_EQ(std::ranges::count(pair.tokens, 2), 2) << "a separator that a user writes is none";
    EXPECT_EQ(pair.tokens.back(), 2);
}

TEST(TokenPair, HasRobertasFormForOthers) {
    TestVocab vocab{.model = "t5"};
    vocab.add("<unk>", TokenKind::kUnknown);
    vocab.add("<s>", TokenKind::kControl);
    vocab.add("</s>", TokenKind::kControl);
    for (const char* piece : {"▁a", "▁b"}) vocab.add(piece, TokenKind::kNormal, -1);
    const auto tokenizer = vocab.build([](GgufWriter& writer) {
        writer.add("tokenizer.ggml.unknown_token_id", uint32_t{0});
        writer.add("tokenizer.ggml.add_space_prefix", true);
        writer.add("tokenizer.ggml.bos_token_id", uint32_t{1});
        writer.add("tokenizer.ggml.eos_token_id", uint32_t{2});
    });
    const TokenPair pair = encode_pair(*tokenizer, "a", "b");
    EXPECT_THAT(pair.tokens, ElementsAre(1, 3, 2, 2, 4, 2));
    EXPECT_EQ(pair.second_from, 4);
}

}  // namespace
}  // namespace airframe
