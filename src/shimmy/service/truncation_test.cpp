#include "shimmy/service/truncation.h"

#include <gmock/gmock.h>

#include "shimmy/service/fake_model.h"

namespace shimmy {
namespace {

using testing::ElementsAre;

// "s u a t": a message of each role by its first letter.
boost::json::array messages_of(std::string_view roles) {
    boost::json::array messages;
    for (const char role : roles) {
        const char* name = role == 's' ? "system" : role == 'u' ? "user" : role == 'a' ? "assistant" : "tool";
        messages.push_back({{"role", name}, {"content", "x"}});
    }
    return messages;
}

TEST(Truncation, LeavesRoomForTheAnswer) {
    EXPECT_EQ(prompt_tokens_max(4096, 100), 3996u);
    EXPECT_EQ(prompt_tokens_max(4096, 4000), 2048u);
    EXPECT_EQ(prompt_tokens_max(4096, 0), 4095u);
    EXPECT_EQ(prompt_tokens_max(32768, -1), 31744u);
    EXPECT_EQ(prompt_tokens_max(1024, -1), 768u);
}

TEST(Truncation, WholeTurnsGoButTheLastOne) {
    EXPECT_THAT(removable_parts(messages_of("suausatau")),
                ElementsAre(ElementsAre(1, 2), ElementsAre(3, 5, 6, 7)));
    EXPECT_THAT(removable_parts(messages_of("asu")), ElementsAre(ElementsAre(0)));
    EXPECT_THAT(removable_parts(messages_of("su")), ElementsAre());
    EXPECT_THAT(removable_parts({}), ElementsAre());
}

TEST(Truncation, InTheLastTurnCallsGoWithTheirResultsButTheLatest) {
    EXPECT_THAT(removable_parts(messages_of("suattatat")),
                ElementsAre(ElementsAre(2, 3, 4), ElementsAre(5, 6)));
    EXPECT_THAT(removable_parts(messages_of("uat")), ElementsAre());
}

TEST(Truncation, WhatIsLeftKeepsItsOrder) {
    const auto messages = messages_of("uasua");
    const auto left = without_parts(messages, removable_parts(messages), 1);
    EXPECT_EQ(left, messages_of("sua"));
}

TEST(Truncation, ATextIsCutBehindItsBeginTokenAndBetweenCharacters) {
    const ByteTokenizer tokenizer;
    std::vector<airframe::TokenId> tokens = {ByteTokenizer::kBos, 'a', 'b', 0xc3, 0xa4, 'c', 'd'};
    EXPECT_EQ(cut_beginning(tokens, 4, tokenizer), 4u) << "half a character goes, too";
    EXPECT_THAT(tokens, ElementsAre(ByteTokenizer::kBos, 'c', 'd'));
    EXPECT_EQ(cut_beginning(tokens, 3, tokenizer), 0u);
    EXPECT_EQ(cut_beginning(tokens, 1, tokenizer), 2u);
    EXPECT_THAT(tokens, ElementsAre(ByteTokenizer::kBos));
}

}  // namespace
}  // namespace shimmy
