// A warm engine step allocates nothing. Its own program: it counts every operator new of the engine thread.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "airframe/engine/engine_loop.h"
#include "airframe/engine/fake_model.h"
#include "airframe/text/token_masks.h"

namespace {
thread_local uint64_t allocations = 0;
}

// Not inlined, or the compiler sees free() on memory of operator new and warns.
#define NOT_INLINED __attribute__((noinline))
NOT_INLINED void* operator new(size_t bytes) {
    ++allocations;
    if (void* memory = std::malloc(bytes)) return memory;
    throw std::bad_alloc();
}
NOT_INLINED void operator delete(void* memory) noexcept { std::free(memory); }
NOT_INLINED void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace airframe {
namespace {

constexpr int32_t kPages = 1024, kPageTokens = 4, kSteps = 300;
constexpr size_t kWarmSteps = 30, kStreams = 8;

// Reads a stream to its end on a thread of its own, counting tokens.
std::jthread reader(std::unique_ptr<EventStream> stream, std::atomic<int>& tokens_read) {
    return std::jthread([stream = std::move(stream), &tokens_read] {
        while (auto event = stream->next()) {
            EXPECT_FALSE(std::holds_alternative<Failed>(*event));
            if (const auto* delta = std::get_if<Delta>(&*event))
                tokens_read += static_cast<int>(delta->tokens.size());
        }
    });
}

TEST(Allocation, AWarmStepAllocatesNothing) {
    auto tokenizer = std::make_shared<FakeTokenizer>(FakeTokenizer::letters());
    const TokenId vocab = tokenizer->vocab_size();
    FakeModel model(kPages, kPageTokens, vocab,
                    [vocab](std::span<const TokenId> context) { return hashed_next(context, vocab - 1); });
    std::atomic<bool> all_submitted = false;
    std::atomic<int> tokens_read = 0;
    EngineLoop* engine = nullptr;  // set before all_submitted
    std::vector<uint64_t> counts;  // of the engine thread, at each step in which all streams decode
    counts.reserve(kSteps);
    const auto forward = [&](const Batch& batch, std::span<float> logits) {
        all_submitted.wait(false);
        // Readers keep up: how far an event queue must grow is their business.
        while (tokens_read < static_cast<int>(engine->stats().completion_tokens)) std::this_thread::yield();
        model.forward(batch, logits);
        if (batch.slices.size() == kStreams && counts.size() < kSteps) counts.push_back(allocations);
    };
    const SamplingParams variants[kStreams] = {
        {.temperature = 0},
        {},
        {.temperature = 1, .top_k = 0, .top_p = 0.9f, .min_p = 0.01f},
        {.temperature = 1, .top_k = 0, .top_p = 1},
        {.repeat_penalty = 1.2f, .frequency_penalty = 0.5f, .presence_penalty = 0.5f},
        {.logit_bias = {{3, 1.0f}, {4, -1.0f}}},
        {.temperature = 1,
         .dynatemp_range = 0.5f,
         .top_k = 0,
         .typical_p = 0.9f,
         .top_n_sigma = 3,
         .xtc_probability = 0.5f,
         .dry_multiplier = 0.8f},
        {.temperature = 1, .mirostat = 2},
    };
    {
        EngineLoop loop(
            {.forward = forward,
             .tokenizer = tokenizer,
             .vocab = static_cast<uint32_t>(vocab),
             .ctx_tokens = 1024,
             .n_pages = kPages,
             .page_tokens = kPageTokens,
             .logit_rows = 16,
             .options = {.batch_tokens = 64, .max_sequences = 8, .speculation = Speculation::kAlways}});
        std::vector<std::jthread> readers;
        // Held to a grammar are the last two. Warm is one whose places have all been seen.
        const auto masks = std::make_shared<TokenMasks>(*compile_regex_grammar("[a-z]([a-z]{2})*"),
                                                        TokenTrie::create(*tokenizer));
        for (TokenId id = 0; id < vocab - 1; ++id) {
            GrammarState state = masks->advance(masks->start(), 0);
            for (int place = 0; place < 3; ++place, state = masks->advance(state, id))
                EXPECT_TRUE(masks->mask(state));
        }
        for (const SamplingParams& sampling : variants) {
            auto stream = loop.submit({.prompt = {1, 2, 3, static_cast<TokenId>(readers.size())},
                                       .sampling = sampling,
                                       .max_tokens = kSteps + 10,
                                       .stop = {"#stop"},
                                       .constraint = readers.size() + 2 >= kStreams ? masks : nullptr,
                                       .ignore_eos = true});
            ASSERT_TRUE(stream) << stream.error().message;
            readers.push_back(reader(std::move(*stream), tokens_read));
        }
        engine = &loop;
        all_submitted = true;
        all_submitted.notify_all();
    }
    ASSERT_EQ(counts.size(), static_cast<size_t>(kSteps));
    EXPECT_GT(counts.front(), 0u) << "the counter counts";
    EXPECT_EQ(counts.back() - counts[kWarmSteps], 0u)
        << "allocations in " << kSteps - kWarmSteps << " warm steps";
}

}  // namespace
}  // namespace airframe
