#include "airframe/text/text_scan.h"

#include <gtest/gtest.h>

#include <string>

#include "airframe/text/grammar_machine.h"
#include "airframe/text/token_trie.h"
#include "base/rng.h"

namespace airframe {
namespace {

constexpr std::string_view kControl(&TokenTrie::kControlByte, 1);

// Free text with one mark, then "!" and the end.
GrammarPtr one_mark(std::string_view mark, bool may_end) {
    GrammarBuilder builder;
    const auto behind = builder.place(), end = builder.place();
    builder.text(behind, "!", end);
    builder.accept(end);
    TextScan scan(builder, {.may_end = may_end});
    scan.found(scan.text(TextScan::kAnywhere, mark), behind);
    const auto start = scan.place({});
    scan.finish();
    return builder.finish(start);
}

// The text by the definition: the mark's first occurrence, wherever it overlaps with itself.
bool is_right(std::string_view text, std::string_view mark, bool may_end) {
    const size_t at = text.find(mark);
    return at == std::string_view::npos ? may_end : text.substr(at + mark.size()) == "!";
}

TEST(TextScan, FindsTheFirstMarkHoweverItOverlaps) {
    base::Rng rng(1);
    for (const std::string_view mark : {"a", "ab", "aab", "abab", "aabaaab"})
        for (const bool may_end : {false, true}) {
            GrammarMachine machine(one_mark(mark, may_end));
            for (int run = 0; run < 2000; ++run) {
                std::string text;
                for (uint64_t i = rng.next_below(14); i > 0; --i) text += "aab"[rng.next_below(3)];
                if (rng.next_below(2) == 0) text += std::string(mark) + "!";
                EXPECT_EQ(machine.accepts(text), is_right(text, mark, may_end)) << mark << " in " << text;
            }
        }
}

TEST(TextScan, AControlTokenIsNoText) {
    const std::string mark = std::string(kControl) + "<|end|>";
    GrammarMachine machine(one_mark(mark, true));
    EXPECT_TRUE(machine.accepts("<|end|>")) << "the same letters";
    EXPECT_TRUE(machine.accepts("é <|end" + mark + "!"));
    EXPECT_FALSE(machine.accepts(mark));
    EXPECT_FALSE(machine.accepts(std::string("a").append(mark.substr(0, 3)))) << "within a token's name";
    EXPECT_FALSE(machine.accepts(std::string(kControl) + "<|start|>"));
}

TEST(TextScan, SomePatternsCountAtTheBeginningOnly) {
    GrammarBuilder builder;
    const auto end = builder.place();
    builder.accept(end);
    TextScan scan(builder, {.may_end = true});
    const auto brace = scan.state();
    scan.loop(brace, " ");
    scan.refuse(scan.text(brace, "{"));
    scan.found(scan.text(scan.text(brace, "{"), "}"), end);  // out of reach
    scan.found(scan.text(brace, "["), end);
    scan.refuse(scan.text(TextScan::kAnywhere, "x"));
    scan.found(scan.text(TextScan::kAnywhere, "yx"), end);  // stronger than the refusal
    const auto start = scan.place({brace});
    scan.finish();
    GrammarMachine machine(builder.finish(start));
    EXPECT_TRUE(machine.accepts("a {}") && machine.accepts("") && machine.accepts("  ["));
    EXPECT_FALSE(machine.accepts("  {") || machine.accepts("{}") || machine.accepts("[]"));
    EXPECT_TRUE(machine.accepts("a []yx"));
    EXPECT_FALSE(machine.accepts("a x") || machine.accepts("yxa"));
}

}  // namespace
}  // namespace airframe
