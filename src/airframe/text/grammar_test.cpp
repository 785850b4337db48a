// GBNF, regular expressions and choices: what they accept, what they refuse to compile, and where.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "airframe/text/grammar_machine.h"

namespace airframe {
namespace {

using ::testing::HasSubstr;

struct Case {
    std::string grammar;
    std::vector<std::string> yes, no;
};

void expect_texts(const base::Result<GrammarPtr>& grammar, const Case& row) {
    ASSERT_TRUE(grammar) << row.grammar << ": " << grammar.error().message;
    GrammarMachine machine(*grammar);
    for (const auto& text : row.yes) EXPECT_TRUE(machine.accepts(text)) << row.grammar << " on " << text;
    for (const auto& text : row.no) EXPECT_FALSE(machine.accepts(text)) << row.grammar << " on " << text;
}

TEST(Gbnf, AcceptsExactlyItsTexts) {
    const Case rows[] = {
        {"root ::= \"yes\" | \"no\"", {"yes", "no"}, {"", "ye", "yesno", "maybe"}},
        {"root ::= a+ \"!\"?\na ::= [a-c]", {"a", "abc!", "c"}, {"", "!", "abd", "a!!"}},
        {"root ::= [^\\n]{2,3}", {"ab", "äöü"}, {"a", "abcd", "a\n"}},
        {"root ::= \"(\" root \")\" | \"x\"", {"x", "((x))"}, {"(x", "x)", "()"}},
        {"root ::= (\"a\" | \"ab\") (\"c\" | \"bc\")", {"ac", "abc", "abbc"}, {"a", "ab", "abcc"}},
        {"# words\nroot ::= word (\" \" word)*\nword ::= [a-z]+ # lower", {"a", "it is so"}, {" a", "a "}},
        {"root ::= \"\\x41\" \"\\u00e9\"", {"A\u00e9"}, {"A", "\u00e9"}},
    };
    for (const Case& row : rows) expect_texts(compile_gbnf(row.grammar), row);
}

TEST(Gbnf, SaysWhereAGrammarIsWrong) {
    const std::pair<std::string, const char*> rows[] = {
        {"start ::= \"a\"", "no rule 'root'"},
        {"root ::= other", "line 1, column 10: the rule 'other' is not defined"},
        {"root ::= root \"a\" | \"a\"", "the rule 'root' is left-recursive"},
        {"root ::= a\na ::= b? a \"x\" | \"y\"\nb ::= \"z\"", "the rule 'a' is left-recursive"},
        {"root ::= \"a\" root", "the rule 'root' never ends"},
        {"root ::= \"a", "the text does not end"},
        {"root ::= [a", "']' is missing"},
        {"root ::= \"a\"{3,2}", "wrong order"},
        {"root ::= \"a\"\nroot ::= \"b\"", "line 2, column 1: the rule 'root' is defined twice"},
        {"root ::= (\"a\"{1000}){1000}", "line 1, column"},
        {"root ::= " + std::string(60'000, '(') + "\"a\"" + std::string(60'000, ')'), "nested more than"},
        {"root ::= \"\xFF\"", "not valid UTF-8"},
    };
    for (const auto& [text, message] : rows) {
        const auto grammar = compile_gbnf(text);
        ASSERT_FALSE(grammar) << text.substr(0, 80);
        EXPECT_THAT(grammar.error().message, HasSubstr(message));
        EXPECT_EQ(grammar.error().code, base::ErrorCode::kInvalidArgument);
    }
}

TEST(RegexGrammar, MatchesWholeTexts) {
    const Case rows[] = {
        {"[0-9]{3}-[0-9]{4}", {"555-1234"}, {"5551234", "x555-1234", "555-12345"}},
        {"^(a|b)*abb$", {"abb", "babb"}, {"ab", "abba"}},
        {"\\d+(\\.\\d{1,2})?", {"1", "10.25"}, {"1.", "1.234", ".5"}},
        {"caf\u00e9?", {"caf", "caf\u00e9"}, {"cafe"}},
        {"(?:x|y)+?z", {"xz", "yxz"}, {"z", "xzz"}},
    };
    for (const Case& row : rows) expect_texts(compile_regex_grammar(row.grammar), row);
}

TEST(RegexGrammar, RefusesWhatItCannotKeepTo) {
    for (const std::string pattern :
         {"(", "a)", "[a", "a{2,1}", "(a)\\1", "a(?<=b)", "*a", "(a{1000}){1000}"}) {
        const auto grammar = compile_regex_grammar(pattern);
        ASSERT_FALSE(grammar) << pattern;
        EXPECT_THAT(grammar.error().message, HasSubstr("position")) << pattern;
    }
}

TEST(Choice, IsOneOfTheTexts) {
    const std::vector<std::string> choices = {"red", "green", "redder", "\u00e9"};
    const auto grammar = compile_choice(choices);
    expect_texts(grammar, {"choice", choices, {"", "re", "greenred", "blue"}});
    EXPECT_FALSE(compile_choice({}));
}

TEST(GrammarMachine, KnowsDeadEndsAndEnds) {
    const auto grammar = compile_gbnf("root ::= \"ab\"*");
    ASSERT_TRUE(grammar);
    GrammarMachine machine(*grammar);
    EXPECT_TRUE(machine.complete(machine.start()));
    const GrammarState a = machine.walk(machine.start(), "a");
    EXPECT_NE(a, GrammarMachine::kDead);
    EXPECT_FALSE(machine.complete(a));
    EXPECT_EQ(machine.step(a, 'a'), GrammarMachine::kDead);
    // Equal places are equal states.
    EXPECT_EQ(machine.walk(machine.start(), "abab"), machine.walk(machine.start(), "ababab"));
}

}  // namespace
}  // namespace airframe
