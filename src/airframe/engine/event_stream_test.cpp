#include "airframe/engine/event_stream.h"

#include <gtest/gtest.h>

#include <thread>

namespace airframe {
namespace {

Delta delta(TokenId id) {
    return {.text = std::string(1, static_cast<char>('a' + id)), .tokens = {id}, .logprobs = {}};
}

TEST(EventChannel, KeepsTheOrderAndEndsOnce) {
    EventChannel channel(100, std::make_shared<Doorbell>());
    channel.send(Admitted{.prompt_tokens = 3, .cached_tokens = 0});
    for (TokenId id = 0; id < 20; ++id) channel.send(delta(id));
    channel.end(Finished{});
    EXPECT_TRUE(std::holds_alternative<Admitted>(*channel.next()));
    for (TokenId id = 0; id < 20; ++id)
        EXPECT_EQ(std::get<Delta>(*channel.next()).tokens, std::vector<TokenId>{id});
    EXPECT_TRUE(std::holds_alternative<Finished>(*channel.next()));
    EXPECT_FALSE(channel.next());
    EXPECT_FALSE(channel.try_next());
}

TEST(EventChannel, TheRingGrowsWhileItIsWrapped) {
    EventChannel channel(1000, std::make_shared<Doorbell>());
    TokenId sent = 0, read = 0;
    for (int round = 0; round < 50; ++round) {
        for (int i = 0; i < 7; ++i) channel.send(delta(sent++ % 26));
        for (int i = 0; i < 5; ++i) EXPECT_EQ(std::get<Delta>(*channel.try_next()).tokens[0], read++ % 26);
    }
    while (auto event = channel.try_next()) EXPECT_EQ(std::get<Delta>(*event).tokens[0], read++ % 26);
    EXPECT_EQ(read, sent);
}

TEST(EventChannel, IsFullUntilHalfHasBeenReadAndTheEndStillFits) {
    const auto bell = std::make_shared<Doorbell>();
    EventChannel channel(4, bell);
    for (TokenId id = 0; id < 4; ++id) {
        EXPECT_FALSE(channel.full());
        channel.send(delta(id));
    }
    EXPECT_TRUE(channel.full());
    channel.end(Finished{});
    channel.try_next();
    EXPECT_TRUE(channel.full());
    channel.try_next();
    EXPECT_FALSE(channel.full());
    bell->wait(std::nullopt);  // it was rung
}

TEST(EventChannel, TextOfALaterDeltaDoesNotInheritFromItsSlot) {
    EventChannel channel(4, std::make_shared<Doorbell>());
    for (int round = 0; round < 10; ++round) {
        channel.send({.text = "long text", .tokens = {1, 2, 3}, .logprobs = {{}, {}, {}}});
        channel.try_next();
    }
    channel.send(delta(1));
    const Delta read = std::get<Delta>(*channel.try_next());
    EXPECT_EQ(read.text, "b");
    EXPECT_EQ(read.tokens.size(), 1u);
    EXPECT_TRUE(read.logprobs.empty());
}

TEST(EventStream, DestroyingItCancelsAndSilencesReady) {
    const auto channel = std::make_shared<EventChannel>(4, std::make_shared<Doorbell>());
    auto stream = make_event_stream(channel);
    int calls = 0;
    stream->on_ready([&calls] { ++calls; });
    channel->send(delta(1));
    EXPECT_EQ(calls, 1);
    EXPECT_FALSE(channel->cancelled());
    stream.reset();
    EXPECT_TRUE(channel->cancelled());
    channel->send(delta(2));
    EXPECT_EQ(calls, 1);
}

TEST(EventStream, NextWaitsForTheWriter) {
    const auto channel = std::make_shared<EventChannel>(4, std::make_shared<Doorbell>());
    const auto stream = make_event_stream(channel);
    std::jthread writer([channel] { channel->send(delta(5)); });
    EXPECT_EQ(std::get<Delta>(*stream->next()).tokens[0], 5);
}

}  // namespace
}  // namespace airframe
