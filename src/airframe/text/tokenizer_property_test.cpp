// What must hold for every vocabulary and every text: users cannot write control tokens, streams lose
// nothing, bytes come back, time is linear. Drives all vocabularies of the shared test data with hostile and
// random input.
#include <gtest/gtest.h>

#include <ctime>

#include "airframe/text/tokenizer_test_support.h"
#include "base/rng.h"
#include "base/test_data.h"
#include "base/utf8.h"

namespace airframe {
namespace {

// Pieces that text from users is put together from: everything that could be mistaken for something else.
std::vector<std::string> hostile_parts(const Tokenizer& tokenizer) {
    std::vector<std::string> parts = {"\u200b", "\ufeff",   "\u2060", "\u00ad", " ",
                                      "  ",     "\n",       "\r\n",   "<",      "|",
                                      ">",      "</",       "[",      "]",      "▁",
                                      "Ġ",      "<0x",      "0A>",    "a",      "I'm",
                                      "42",     "é",        "中",     "😀",     std::string(1, 0),
                                      "\xff",   "\xe2\x96", "\x81"};
    for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
        if (tokenizer.kind(id) != TokenKind::kControl && tokenizer.kind(id) != TokenKind::kUnknown) continue;
        const std::string text(tokenizer.piece(id));
        parts.push_back(text);
        parts.push_back(text.substr(0, text.size() / 2));
        parts.push_back(text.substr(text.size() / 2));
        parts.push_back(text.substr(0, text.size() / 2) + text + text.substr(text.size() / 2));
    }
    return parts;
}

std::string random_text(base::Rng& rng, const std::vector<std::string>& parts, size_t count) {
    std::string out;
    for (size_t i = 0; i < count; ++i) out += parts[rng.next_below(parts.size())];
    return out;
}

void expect_no_control(const Tokenizer& tokenizer, const std::string& text, const EncodeOptions& options) {
    const auto unk = tokenizer.special().unk;
    for (const TokenId id : tokenizer.encode(text, options)) {
        if (id == unk) continue;  // what the vocabulary cannot spell
        ASSERT_NE(tokenizer.kind(id), TokenKind::kControl) << tokenizer.piece(id) << " out of: " << text;
        ASSERT_NE(tokenizer.kind(id), TokenKind::kUnknown) << tokenizer.piece(id) << " out of: " << text;
        ASSERT_FALSE(tokenizer.ends_generation(id) && tokenizer.kind(id) != TokenKind::kUserDefined) << text;
    }
}

TEST(TokenizerProperty, TextFromUsersNeverBecomesAControlToken) {
    REQUIRE_TEST_DATA(data);
    each_real_tokenizer(data, [](const std::string&, const Tokenizer& tokenizer) {
        const auto parts = hostile_parts(tokenizer);
        base::Rng rng(1);
        for (const std::string& part : parts) expect_no_control(tokenizer, part, {});
        for (int round = 0; round < 300; ++round) {
            const std::string text = random_text(rng, parts, 1 + rng.next_below(12));
            expect_no_control(tokenizer, text, {});
            const ByteRange all{0, text.size()};
            expect_no_control(tokenizer, text, {.parse_special = true, .untrusted = {&all, 1}});
        }
    });
}

// A template's own tokens are found right beside a user's text, and never with a part of it.
TEST(TokenizerProperty, TrustEndsAtTheByte) {
    REQUIRE_TEST_DATA(data);
    each_real_tokenizer(data, [](const std::string&, const Tokenizer& tokenizer) {
        for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
            if (tokenizer.kind(id) != TokenKind::kControl) continue;
            const std::string piece(tokenizer.piece(id));
            const std::string text = piece + piece + piece;
            const size_t n = piece.size();
            const auto count = [&](ByteRange untrusted) {
                return std::ranges::count(
                    tokenizer.encode(text, {.parse_special = true, .untrusted = {&untrusted, 1}}), id);
            };
            if (id == tokenizer.special().unk) continue;  // also what cannot be spelled
            ASSERT_EQ(count({0, 0}), 3) << piece;
            ASSERT_EQ(count({n, 2 * n}), 2) << piece;
            ASSERT_EQ(count({n - 1, n + 1}), 1) << piece;
            ASSERT_EQ(count({0, 1}), 2) << piece;
            ASSERT_EQ(count({0, 3 * n}), 0) << piece;
        }
    });
}

TEST(TokenizerProperty, BeginAndEndAreNotDoubled) {
    REQUIRE_TEST_DATA(data);
    each_real_tokenizer(data, [](const std::string&, const Tokenizer& tokenizer) {
        const SpecialTokens& special = tokenizer.special();
        std::string text = "hi";
        if (special.add_bos) text = std::string(tokenizer.piece(*special.bos)) + text;
        if (special.add_eos) text += tokenizer.piece(*special.eos);
        const auto ids = tokenizer.encode(text, {.add_special = true, .parse_special = true});
        EXPECT_EQ(ids, tokenizer.encode("hi", {.add_special = true}));
        EXPECT_EQ(std::ranges::count(ids, special.bos.value_or(-1)), special.add_bos ? 1 : 0);
        EXPECT_EQ(std::ranges::count(ids, special.eos.value_or(-1)),
                  (special.add_eos ? 1 : 0) + (special.add_bos && special.bos == special.eos ? 1 : 0));
        // Text from users that looks like a begin token does not take its place.
        if (special.add_bos) {
            EXPECT_EQ(tokenizer.encode(text, {.add_special = true}).front(), *special.bos);
        }
    });
}

TEST(TokenizerProperty, StreamsLoseNothing) {
    REQUIRE_TEST_DATA(data);
    each_real_tokenizer(data, [](const std::string&, const Tokenizer& tokenizer) {
        base::Rng rng(7);
        std::vector<TokenId> pieces_of_characters;  // tokens that are no valid text by themselves
        for (TokenId id = 0; id < tokenizer.vocab_size(); ++id)
            if (!base::is_valid_utf8(tokenizer.token_bytes(id))) pieces_of_characters.push_back(id);
        for (int round = 0; round < 200; ++round) {
            std::vector<TokenId> ids(1 + rng.next_below(40));
            for (TokenId& id : ids) {
                const bool broken = !pieces_of_characters.empty() && rng.next_below(2) == 0;
                id =
                    broken
                        ? pieces_of_characters[rng.next_below(pieces_of_characters.size())]
                        : static_cast<TokenId>(rng.next_below(static_cast<uint64_t>(tokenizer.vocab_size())));
            }
            StreamDecoder decoder(tokenizer, true);
            std::string streamed;
            for (const TokenId id : ids) {
                const std::string text = decoder.push(id);
                ASSERT_TRUE(base::is_valid_utf8(text));
                streamed += text;
            }
            streamed += decoder.finish();
            ASSERT_EQ(streamed, base::to_valid_utf8(tokenizer.decode(ids))) << ids_text(ids);
        }
    });
}

TEST(TokenizerProperty, TextsComeBack) {
    REQUIRE_TEST_DATA(data);
    const std::vector<std::string> parts = {" ",
                                            "  ",
                                            "\n",
                                            "\t",
                                            "\r\n",
                                            std::string(1, 0),
                                            "a",
                                            "The",
                                            " the",
                                            "I'll",
                                            "0",
                                            "1234",
                                            "é",
                                            "e\u0301",
                                            "ß",
                                            "Ω",
                                            "я",
                                            "ع",
                                            "ि",
                                            "中",
                                            "한",
                                            "🦙",
                                            "👩‍👩‍👧‍👦",
                                            "🏽",
                                            "!",
                                            "...",
                                            "=>",
                                            "</",
                                            "\u00a0",
                                            "\u3000",
                                            "\u2028",
                                            "\ufffd",
                                            "\u200d"};
    each_real_tokenizer(data, [&](const std::string&, const Tokenizer& tokenizer) {
        if (tokenizer.model_name() == "bert" || tokenizer.model_name() == "t5") return;
        base::Rng rng(3);
        for (int round = 0; round < 300; ++round) {
            const std::string text = random_text(rng, parts, 1 + rng.next_below(30));
            ASSERT_EQ(tokenizer.decode(tokenizer.encode(text, {})), text);
        }
    });
}

// Bytes that are no UTF-8 come back from every vocabulary that has tokens for them.
TEST(TokenizerProperty, BrokenTextsComeBack) {
    REQUIRE_TEST_DATA(data);
    size_t complete = 0;
    each_real_tokenizer(data, [&](const std::string&, const Tokenizer& tokenizer) {
        if (tokenizer.model_name() == "bert" || tokenizer.model_name() == "t5") return;
        for (int byte = 0; byte < 256; ++byte) {
            const std::string text = "x" + std::string(1, static_cast<char>(byte));
            if (tokenizer.decode(tokenizer.encode(text, {})) != text) return;
        }
        ++complete;
        base::Rng rng(5);
        for (int round = 0; round < 200; ++round) {
            std::string text(1 + rng.next_below(40), '\0');
            for (char& c : text)
                c = static_cast<char>(rng.next_below(4) == 0 ? ' ' + rng.next_below(90) : rng.next_u64());
            ASSERT_EQ(tokenizer.decode(tokenizer.encode(text, {})), text);
        }
    });
    EXPECT_GE(complete, 8);
}

double cpu_seconds() {
    timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// A quadratic step anywhere would take minutes; the bound leaves room for sanitizers and slow machines.
TEST(TokenizerProperty, TimeIsLinear) {
    REQUIRE_TEST_DATA(data);
    constexpr size_t kBytes = 256 << 10;
    const auto repeated = [](std::string_view unit) {
        std::string out;
        while (out.size() < kBytes) out += unit;
        return out;
    };
    const std::vector<std::string> texts = {
        repeated("a"),       repeated(" "),    repeated("😀"),     repeated("\n"), repeated("7"),
        repeated("A"),       repeated("中"),   repeated("\xff"),   repeated("▁"),  repeated("<|"),
        repeated(" ") + "x", repeated("a\n "), repeated("e\u0301")};
    each_real_tokenizer(data, [&](const std::string&, const Tokenizer& tokenizer) {
        for (const std::string& text : texts) {
            const double begin = cpu_seconds();
            (void)tokenizer.encode(text, {.parse_special = true});
            EXPECT_LT(cpu_seconds() - begin, 5.0) << text.substr(0, 8);
        }
    });
}

}  // namespace
}  // namespace airframe
