// Pre-tokenizers: every pattern of the table, known cuts, unknown names, and linear time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <set>
#include <sstream>

#include "airframe/text/pretokenizer.h"
#include "airframe/text/text_runs.h"
#include "base/rng.h"

namespace airframe {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> pieces_of(const Pretokenizer& pretokenizer, std::string_view text) {
    std::vector<std::string> out;
    pretokenizer.split(text, [&](std::string_view piece) { out.emplace_back(piece); });
    return out;
}
std::vector<std::string> pieces_of(std::string_view name, std::string_view text) {
    return pieces_of(Pretokenizer(pretokenizer_spec(name)), text);
}

TEST(Pretokenizer, EveryPatternCompilesAndLosesNothing) {
    base::Rng rng(1);
    const std::vector<std::string> parts = {
        " ",      "  ",     "\n",     "\r\n", "\t", "a",  "Word",   "ABC", "'s", "'LL",       "1",
        "2345",   "é",      "中",     "한",   "の", "😀", "\u200d", "ि",   "_",  "!",         "...",
        "\u00a0", "\u180e", "\u0085", "²",    "½",  "٣",  "\u3000", "ǅ",   "</", "IMGIMGABZ", "\u0300"};
    for (const PretokenizerSpec& spec : pretokenizer_specs()) {
        SCOPED_TRACE(spec.name);
        const Pretokenizer pretokenizer(spec);
        EXPECT_THAT(pieces_of(pretokenizer, ""), ElementsAre());
        for (int round = 0; round < 50; ++round) {
            std::string text, together;
            for (uint64_t count = rng.next_below(30); count > 0; --count)
                text += parts[rng.next_below(parts.size())];
            for (const auto& piece : pieces_of(pretokenizer, text)) {
                EXPECT_FALSE(piece.empty());
                together += piece;
            }
            EXPECT_EQ(together, text);
        }
    }
}

TEST(Pretokenizer, KnownCuts) {
    EXPECT_THAT(pieces_of("gpt-2", "I'll  pay 1234€\n\n x"),
                ElementsAre("I", "'ll", " ", " pay", " 1234", "€", "\n\n", " x"));
    EXPECT_THAT(pieces_of("llama-bpe", "I'LL  pay 1234€\n\n x"),
                ElementsAre("I", "'LL", " ", " pay", " ", "123", "4", "€\n\n", " x"));
    EXPECT_THAT(pieces_of("qwen2", "x12 a.b"), ElementsAre("x", "1", "2", " a", ".b"));
    EXPECT_THAT(pieces_of("gpt-4o", "camelCase HTMLText's"), ElementsAre("camel", "Case", " HTMLText's"));
    EXPECT_THAT(pieces_of("tekken", "camelCase 12's"), ElementsAre("camel", "Case", " ", "1", "2", "'s"));
    EXPECT_THAT(pieces_of("starcoder", "a 12"), ElementsAre("a", " ", "1", "2"));
    EXPECT_THAT(pieces_of("falcon", "a+=b 12345"), ElementsAre("a", "+=", "b", " ", "123", "45"));
    EXPECT_THAT(pieces_of("deepseek-llm", "na\u00efve  中文 12"),
                ElementsAre("na", "\u00ef", "ve", "  ", "中文", " ", "12"));
    EXPECT_THAT(pieces_of("deepseek-coder", "f(x)\n\n  12"),
                ElementsAre("f", "(", "x", ")", "\n", "\n", "  ", "1", "2"));
    EXPECT_THAT(pieces_of("deepseek-v3", "中文abc 1234 x.foo"),
                ElementsAre("中文", "abc", " ", "123", "4", " x", ".foo"));
    EXPECT_THAT(pieces_of("bloom", "one, two"), ElementsAre("one", ",", " two"));
    EXPECT_THAT(pieces_of("viking", "ab12"), ElementsAre("ab", "1", "2"));
    EXPECT_THAT(pieces_of("kimi-k2", "中文Word  字"), ElementsAre("中文", "Word", " ", " ", "字"));
    EXPECT_THAT(pieces_of("exaone-moe", "two words 1"), ElementsAre("two words", " ", "1"));
    EXPECT_THAT(pieces_of("chameleon", "IMGIMGABZ\n12"), ElementsAre("IMGIMGABZ", "\n", "1", "2"));
    EXPECT_THAT(pieces_of("gemma4", "a b\n\nc"), ElementsAre("a b", "\n\n", "c"));
}

TEST(Pretokenizer, DigitsGroupFromTheRight) {
    EXPECT_THAT(pieces_of("superbpe", "a1234567"), ElementsAre("a", "1", "234", "567"));
    EXPECT_THAT(pieces_of("superbpe", "123456"), ElementsAre("123", "456"));
    EXPECT_THAT(pieces_of("afmoe", "٣٣٣٣"), ElementsAre("٣", "٣٣٣"));
    EXPECT_THAT(pieces_of("tiny_aya", "12345."), ElementsAre("12", "345", "."));
    EXPECT_THAT(pieces_of("tiny_aya", "12345abc"),
                ElementsAre("123", "45", "abc"));  // no word border behind it
}

// Some patterns are written otherwise than published, so that time stays linear or PCRE2 understands them;
// they must cut alike. (A cut of digits from the right is published as lookaheads over all digits that
// follow.)
TEST(Pretokenizer, RewrittenPatternsCutLikeThePublishedOnes) {
    struct Row {
        const char* name;
        size_t step;            // of the table, that is rewritten
        const char* published;  // as a pattern whose matches are isolated
        const char* parts;      // of random texts, separated by '|'
    };
    const Row rows[] = {
        {"deepseek-llm", 3, R"(\s+$)", " |  |\t|中|1|\u3000"},
        {"tiny_aya", 0, R"(\p{Nd}{1,3}(?=(?:\p{Nd}{3})*\b))", "1|22|333|a|.| |中|_|٣"},
        {"superbpe", 1, R"(\p{Nd}{1,3}(?=(?:\p{Nd}{3})*(?!\p{Nd})))", "1|22|333|a|²|٣"},
        {"exaone-moe", 0,
         R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N})"
         R"(| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)",
         "a|B|\u0300| |  |1|!|\n|'s|\t|中"},
        {"granite-embed-multi-97m", 0,
         R"([^\r\n\p{L}\p{N}]?((?=[\p{L}\p{M}])([^a-z]))*((?=[\p{L}\p{M}])([^A-Z]))+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
         R"(|[^\r\n\p{L}\p{N}]?((?=[\p{L}\p{M}])([^a-z]))+((?=[\p{L}\p{M}])([^A-Z]))*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
         R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
         "a|B|é|É|\u0300|中| |!|'s|1|\n|\u200d|²"},
        {"kimi-k2", 0,
         R"(\p{Han}+|[^\r\n\p{L}\p{N}]?(?:(?!\p{Han})[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])*(?:(?!\p{Han})[\p{Ll}\p{Lm}\p{Lo}\p{M}])+)"
         R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?(?:(?!\p{Han})[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])+)"
         R"((?:(?!\p{Han})[\p{Ll}\p{Lm}\p{Lo}\p{M}])*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3})"
         R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
         "a|B|中|文|の|한|\u0300|々|⺀|〇| |!|'s|1|\n|ǅ"},
        {"jais-2", 0,
         R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+)"
         R"(|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S))"
         R"(|\s{4}(?!\S)|\s{1,2}(?!\S)|\s)",
         " |     |\t|\n|\r\n|a|!|!\n|\u3000|1"},
    };
    base::Rng rng(2);
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const SplitStep published[] = {{row.published}};
        const Pretokenizer by_table({row.name, pretokenizer_spec(row.name).steps.subspan(row.step, 1)});
        const Pretokenizer by_publication({row.name, published});
        std::vector<std::string> parts;
        std::istringstream list(row.parts);
        for (std::string part; std::getline(list, part, '|');) parts.push_back(part);
        for (int round = 0; round < 1000; ++round) {
            std::string text;
            for (uint64_t count = 1 + rng.next_below(15); count > 0; --count)
                text += parts[rng.next_below(parts.size())];
            ASSERT_EQ(pieces_of(by_table, text), pieces_of(by_publication, text)) << text;
        }
    }
}

// The published patterns know Unicode's White_Space: U+0085 is one, U+180E is none.
TEST(Pretokenizer, WhiteSpaceIsUnicodes) {
    EXPECT_THAT(pieces_of("gpt-2", "a\u0085\u0085b"), ElementsAre("a", "\u0085", "\u0085", "b"));
    EXPECT_THAT(pieces_of("gpt-2", "a\u180e\u180eb"), ElementsAre("a", "\u180e\u180e", "b"));
}

TEST(Pretokenizer, NamesFindTheirRow) {
    EXPECT_EQ(pretokenizer_spec("").name, "default");
    EXPECT_EQ(pretokenizer_spec("default").name, "default");
    for (const PretokenizerSpec& spec : pretokenizer_specs()) EXPECT_EQ(&pretokenizer_spec(spec.name), &spec);
    EXPECT_EQ(pretokenizer_spec("qwen9").name, "qwen2");
    EXPECT_EQ(pretokenizer_spec("llama7-bpe").name, "llama-bpe");
    EXPECT_EQ(pretokenizer_spec("deepseek-v9").name, "deepseek-v3");
    EXPECT_EQ(pretokenizer_spec("something else").name, "default");
    EXPECT_EQ(pretokenizer_spec("123").name, "default");
}

double cpu_seconds() {
    timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Long runs, with and without what would end a match well: no pattern may try again from every place.
TEST(Pretokenizer, TimeIsLinearInLongRuns) {
    constexpr size_t kBytes = 128 << 10;
    std::vector<std::string> texts;
    for (const char* unit :
         {"a", "A", " ", "\n", "7", "!", "中", "한", "\u0300", "\u3000", "a ", "aA", "ि"}) {
        std::string text;
        while (text.size() < kBytes) text += unit;
        for (const char* end : {"", "x", "中", "\u0001"}) texts.push_back(text + end);
    }
    std::set<const SplitStep*> seen;
    for (const PretokenizerSpec& spec : pretokenizer_specs()) {
        if (!seen.insert(spec.steps.data()).second) continue;
        SCOPED_TRACE(spec.name);
        const Pretokenizer pretokenizer(spec);
        const double begin = cpu_seconds();
        for (const std::string& text : texts) pretokenizer.split(text, [](std::string_view) {});
        EXPECT_LT(cpu_seconds() - begin, 5.0);
    }
}

TEST(TextRuns, ValidAndInvalidTakeTurns) {
    std::vector<std::string> runs;
    const auto split = [&](std::string_view text) {
        runs.clear();
        each_utf8_run(
            text, [&](std::string_view run) { runs.push_back("+" + std::string(run)); },
            [&](std::string_view run) { runs.push_back("-" + std::string(run)); });
        return runs;
    };
    EXPECT_THAT(split(""), ElementsAre());
    EXPECT_THAT(split("plain ascii text, é and \ufffd"), ElementsAre("+plain ascii text, é and \ufffd"));
    EXPECT_THAT(split("\xff\xfe"
                      "a\xe2\x82"
                      "b\xe2\x82\xac"),
                ElementsAre("-\xff\xfe", "+a", "-\xe2\x82", "+b\xe2\x82\xac"));
    EXPECT_THAT(split("12345678\x80"), ElementsAre("+12345678", "-\x80"));
}

}  // namespace
}  // namespace airframe
