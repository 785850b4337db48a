#include "shimmy/service/service.h"

#include <gmock/gmock.h>

#include "shimmy/service/fake_model.h"

namespace shimmy {
namespace {

using testing::ElementsAre;

class ServiceTest : public testing::Test {
  protected:
    ServiceTest() : catalog(std::vector{fake_entry("a"), fake_entry("b")}) {}

    void start(ServiceOptions options = {}, std::chrono::milliseconds load_takes = {}) {
        service.emplace(catalog, fake_loader(script, loads, load_takes), std::move(options));
    }
    static GenerateRequest text_request(const std::string& model, const std::string& prompt) {
        GenerateRequest request;
        request.model = model;
        request.prompts.emplace_back(prompt);
        return request;
    }
    // All events up to the last one.
    static std::vector<GenerationEvent> events_of(Generation& generation) {
        std::mutex mutex;
        std::condition_variable woken;
        bool wake = true;
        generation.on_ready([&] {
            std::lock_guard lock(mutex);
            wake = true;
            woken.notify_all();
        });
        std::vector<GenerationEvent> events;
        for (;;) {
            while (auto event = generation.try_next()) {
                events.push_back(std::move(*event));
                const auto& last = events.back();
                if (std::holds_alternative<GenerationEnd>(last) ||
                    std::holds_alternative<GenerationFault>(last)) {
                    generation.on_ready({});
                    return events;
                }
            }
            std::unique_lock lock(mutex);
            if (!woken.wait_for(lock, std::chrono::seconds(10), [&] { return wake; })) {
                ADD_FAILURE() << "no event in time";
                return events;
            }
            wake = false;
        }
    }
    static std::string text_of(const std::vector<GenerationEvent>& events, uint32_t choice = 0) {
        std::string text;
        for (const auto& event : events) {
            const auto* delta = std::get_if<TextDelta>(&event);
            if (delta != nullptr && delta->choice == choice) text += delta->text;
        }
        return text;
    }
    static const base::Error& fault_of(const std::vector<GenerationEvent>& events) {
        return std::get<GenerationFault>(events.back()).error;
    }

    std::shared_ptr<FakeScript> script = std::make_shared<FakeScript>();
    std::shared_ptr<std::atomic<int>> loads = std::make_shared<std::atomic<int>>(0);
    Catalog catalog;
    std::optional<Service> service;
};

TEST_F(ServiceTest, GeneratesThroughALoadAndWithoutOne) {
    start({}, std::chrono::milliseconds(20));
    for (int i = 0; i < 2; ++i) {
        const auto events = events_of(*service->generate(text_request("a", "x")));
        EXPECT_TRUE(std::holds_alternative<Started>(events.front()));
        EXPECT_EQ(text_of(events), "Hello there.");
        EXPECT_EQ(std::get<GenerationEnd>(events.back()).totals.usage.prompt_tokens,
                  2);  // begin token and "x"
    }
    EXPECT_EQ(*loads, 1);
    EXPECT_THAT(script->requests[0].prompt, ElementsAre(ByteTokenizer::kBos, 'x'));
}

TEST_F(ServiceTest, DoesNotDoubleTheBeginToken) {
    start();
    GenerateRequest request = text_request("a", "");
    request.prompts[0] = std::vector<airframe::TokenId>{1, 2};
    events_of(*service->generate(std::move(request)));
    EXPECT_THAT(script->requests[0].prompt, ElementsAre(1, 2)) << "token ids are taken as they are";
}

TEST_F(ServiceTest, FaultsAreTheFirstEvent) {
    start();
    const auto unknown = events_of(*service->generate(text_request("nope", "x")));
    ASSERT_EQ(unknown.size(), 1u);
    EXPECT_EQ(fault_of(unknown).detail, "model_not_found");
    EXPECT_EQ(fault_of(unknown).message, "The model 'nope' does not exist here. Known models: a, b.");
    const auto too_long = events_of(*service->generate(text_request("a", std::string(5000, 'x'))));
    EXPECT_EQ(fault_of(too_long).code, base::ErrorCode::kContextLength);
}

TEST_F(ServiceTest, CutsAConversationOnlyWhenAskedAndAsLittleAsCanBe) {
    script->ctx_tokens = 400;
    start();
    ChatInput chat;
    const auto add = [&](const char* role, size_t length) {
        chat.messages.push_back({{"role", role}, {"content", std::string(length, 'x')}});
    };
    add("system", 10);
    for (int turn = 0; turn < 6; ++turn) {
        add("user", 20);
        add("assistant", 20);
    }
    add("user", 5);
    GenerateRequest request = text_request("a", "");
    request.prompts[0] = chat;
    request.max_tokens = 20;
    EXPECT_EQ(fault_of(events_of(*service->generate(request))).code, base::ErrorCode::kContextLength);
    request.truncate = true;
    const auto events = events_of(*service->generate(request));
    const auto cut = std::get<Started>(events.front()).truncation;
    ASSERT_TRUE(cut);
    EXPECT_EQ(std::get<GenerationEnd>(events.back()).totals.truncation->tokens, cut->tokens);
    ASSERT_EQ(script->requests.size(), 1u);
    const size_t turn =
        2 * 20 +
        std::string_view(R"({"role":"user","content":""}{"role":"assistant","content":""}__)").size();
    EXPECT_EQ(cut->messages % 2, 0u);
    EXPECT_EQ(cut->tokens, cut->messages / 2 * turn);
    const size_t left = script->requests[0].prompt.size();
    EXPECT_LE(left, 380u);
    EXPECT_GT(left + turn, 380u) << "one turn less would not have been enough";
    request.max_tokens = 1;
    std::get<ChatInput>(request.prompts[0]).messages = {
        {{"role", "user"}, {"content", std::string(500, 'x')}}};
    EXPECT_EQ(fault_of(events_of(*service->generate(request))).code, base::ErrorCode::kContextLength)
        << "the last turn stays whole";
}

TEST_F(ServiceTest, CutsTheBeginningOfTexts) {
    script->ctx_tokens = 100;
    start();
    GenerateRequest request = text_request("a", std::string(200, 'x') + "the end");
    request.prompts.emplace_back("short");
    request.max_tokens = 10;
    request.truncate = request.echo = true;
    const auto events = events_of(*service->generate(request));
    EXPECT_EQ(std::get<Started>(events.front()).truncation->tokens, 118u);
    EXPECT_EQ(script->requests[0].prompt.size(), 90u);
    EXPECT_EQ(script->requests[0].prompt.front(), ByteTokenizer::kBos);
    EXPECT_EQ(text_of(events, 0), std::string(82, 'x') + "the endHello ther");
    EXPECT_EQ(text_of(events, 1), "shortHello ther");
}

TEST_F(ServiceTest, BestOfComputesMoreChoicesThanItTells) {
    start();
    GenerateRequest request = text_request("a", "x");
    request.n = 2;
    request.best_of = 5;
    const auto events = events_of(*service->generate(std::move(request)));
    EXPECT_EQ(script->requests.size(), 5u);
    EXPECT_EQ(text_of(events, 0), "Hello there.");
    EXPECT_EQ(text_of(events, 1), "Hello there.");
    EXPECT_EQ(text_of(events, 2), "");
    EXPECT_EQ(std::get<GenerationEnd>(events.back()).totals.usage.completion_tokens, 60);
    for (const auto& event : events) {
        const auto* delta = std::get_if<TextDelta>(&event);
        EXPECT_TRUE(delta == nullptr || delta->logprobs.empty());
        const auto* end = std::get_if<ChoiceEnd>(&event);
        EXPECT_TRUE(end == nullptr || end->mean_logprob == -0.5F);
    }
}

TEST_F(ServiceTest, OneChoiceThatCannotBeTakenTakesTheOthersBack) {
    script->queue = 2;
    script->endless = true;
    start();
    GenerateRequest request = text_request("a", "x");
    request.n = 3;
    EXPECT_EQ(fault_of(events_of(*service->generate(std::move(request)))).code, base::ErrorCode::kQueueFull);
    for (int i = 0; i < 10000 && script->running > 0; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(script->running, 0);
}

TEST_F(ServiceTest, DroppingAGenerationThatWaitsForItsModelIsQuiet) {
    start({}, std::chrono::milliseconds(50));
    auto first = service->generate(text_request("a", "x"));
    service->generate(text_request("b", "x")).reset();
    EXPECT_EQ(text_of(events_of(*first)), "Hello there.");
    EXPECT_EQ(text_of(events_of(*service->generate(text_request("a", "y")))), "Hello there.");
    EXPECT_EQ(*loads, 1);
}

TEST_F(ServiceTest, ManyAtOnceOnTwoModels) {
    start();
    std::vector<std::jthread> threads;
    std::atomic<int> right = 0;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 10; ++i) {
                const auto generation = service->generate(text_request((t + i) % 2 == 0 ? "a" : "b", "x"));
                if (text_of(events_of(*generation)) == "Hello there.") right += 1;
            }
        });
    }
    threads.clear();
    EXPECT_EQ(right, 80);
}

TEST(Sampling, WhatARequestLeavesOutComesFromTheModel) {
    airframe::SamplingParams defaults;
    defaults.temperature = 0.3F;
    defaults.top_k = 11;
    SamplingOverrides asked;
    asked.temperature = 0.0F;
    const auto params = resolve(asked, defaults);
    EXPECT_EQ(params.temperature, 0);
    EXPECT_EQ(params.top_k, 11);
}

}  // namespace
}  // namespace shimmy
