// GenerationJob: the inside of a Generation. It waits for its model, renders and tokenizes its prompts,
// submits one engine request per choice, and turns the engine's events into ours.
//
// Threads: prepare() runs on a worker; try_next() and cancel() belong to the consumer. The streams are handed
// from the one to the other through `phase_`. Engine threads see the waker only.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "shimmy/service/chat_output.h"
#include "shimmy/service/chat_plan.h"
#include "shimmy/service/constraint_cache.h"
#include "shimmy/service/generation.h"
#include "shimmy/service/registry.h"
#include "shimmy/service/waker.h"

namespace shimmy {

class GenerationJob {
  public:
    explicit GenerationJob(GenerateRequest request);

    // The model is there (or will never be): does the work up to the engine's inbox. Called once.
    void prepare(base::Result<ModelLease> model);
    // Before prepare(): what to cancel when the consumer leaves.
    void set_wait(std::shared_ptr<ModelWait> wait);

    std::optional<GenerationEvent> try_next();
    void on_ready(std::function<void()> wake) { waker_->set(std::move(wake)); }
    void cancel();

  private:
    enum class Phase : uint8_t { kPreparing, kRunning, kOver };
    struct PreparedPrompt {
        std::vector<airframe::TokenId> tokens;
        std::string text;                         // only with keeps_text()
        std::optional<ChatOutputOptions> output;  // of a conversation
        ConstraintCache::Masks constraint;        // null: the answer is free
        std::vector<airframe::TokenId> shown;     // control tokens that the output must see as text
        Truncation cut;
    };
    // How one choice is read.
    struct Reading {
        std::unique_ptr<ChatOutput> output;  // null: as it stands
        bool short_ids = false;
        uint32_t calls = 0;
        int32_t reasoning_tokens = 0;
        double logprob_sum = 0;
        size_t text_offset = 0;  // of the next token, in characters
        int32_t logprobs = 0;
    };

    bool keeps_text() const { return request_.echo || request_.top_logprobs; }
    base::Result<void> submit_all(const LoadedModel& model);
    base::Result<PreparedPrompt> prepare_prompt(const LoadedModel& model, size_t index) const;
    void cut_text(const LoadedModel& model, PreparedPrompt& prompt) const;
    base::Result<PreparedPrompt> prepare_gap(const airframe::Tokenizer& tokenizer,
                                             const Prompt& prompt) const;
    base::Result<PreparedPrompt> prepare_chat(const LoadedModel& model, const ChatInput& chat) const;
    base::Result<ConstraintCache::Masks> constrain(const LoadedModel& model, const ChatPlan* plan) const;
    base::Result<std::unique_ptr<airframe::EventStream>> submit(const LoadedModel& model,
                                                                const PreparedPrompt& prompt,
                                                                uint32_t choice);
    void settle(base::Result<void> prepared);

    void accept(uint32_t choice, airframe::GenEvent event);
    void accept(uint32_t choice, const airframe::PromptLogprobs& scores);
    void accept(uint32_t choice, airframe::Delta delta);
    TokenInfo describe(const airframe::Delta::Logprobs& logprobs, size_t text_offset) const;
    void accept(uint32_t choice, airframe::Finished finished);
    void send_parts(uint32_t choice, std::vector<ChatPart> parts, std::vector<TokenInfo> logprobs);
    void fault(base::Error error);

    GenerateRequest request_;

    const std::shared_ptr<Waker> waker_ = std::make_shared<Waker>();

    std::mutex mutex_;  // wait_, cancelled_ and the change of phase
    std::shared_ptr<ModelWait> wait_;
    bool cancelled_ = false;

    // Written by prepare(), then by the consumer.
    std::atomic<Phase> phase_{Phase::kPreparing};
    ModelLease model_;
    std::vector<std::unique_ptr<airframe::EventStream>> streams_;  // by choice; null when over
    std::deque<GenerationEvent> pending_;
    struct Echo {
        std::string text;         // only with keeps_text()
        airframe::TokenId first;  // token of the prompt
    };
    std::vector<Echo> echo_;         // by prompt
    std::vector<Reading> readings_;  // by choice
    Totals totals_;
    uint32_t choices_open_ = 0;
    uint32_t next_choice_ = 0;  // takes turns
    bool started_ = false;
};

}  // namespace shimmy
