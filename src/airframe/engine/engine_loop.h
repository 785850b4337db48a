// EngineLoop: the engine without a model: inbox, engine thread, and the order of work in a step. What a
// forward pass is stays behind one function, so that tests can run a model of their own.
//
// The engine thread is the only one that touches scheduler, pages and generations; it meets the others in the
// inbox, the event channels and the doorbell. Whatever goes wrong within one request ends that request only.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <thread>
#include <vector>

#include "airframe/engine/draft_governor.h"
#include "airframe/engine/draft_model.h"
#include "airframe/engine/embed_queue.h"
#include "airframe/engine/engine.h"
#include "airframe/engine/generation.h"
#include "airframe/engine/page_pool.h"
#include "airframe/engine/prefill_governor.h"
#include "airframe/engine/scheduler.h"

namespace airframe {

struct EngineLoopParts {
    // Model::forward over the engine's KV pool: the span is logits_out [logit_rows, vocab].
    std::function<void(const Batch&, std::span<float>)> forward;
    EmbedQueue::Parts embed;
    DraftModel* draft = nullptr;  // borrowed; null: guesses come from the texts themselves
    // On the engine thread, before the first step and after the last one; may be empty.
    std::function<void(PagePool&)> on_begin, on_end;
    // On the engine thread, when the device is lost: nothing of it will be used any more. May be empty.
    std::function<void()> on_lost;
    std::shared_ptr<const Tokenizer> tokenizer;
    uint32_t vocab = 0;
    uint32_t ctx_tokens = 0;
    int32_t n_pages = 0;  // REQUIRES: they hold ctx_tokens
    int32_t page_tokens = 0;
    uint32_t logit_rows = 0;  // that forward can take at once. REQUIRES: >= options.max_sequences
    EngineOptions options;    // batch_tokens and max_sequences within what forward can take
};

class EngineLoop {
  public:
    explicit EngineLoop(EngineLoopParts parts);
    ~EngineLoop();

    base::Result<std::unique_ptr<EventStream>> submit(EngineRequest request);  // any thread
    // Any thread. REQUIRES: what check_embed lets pass.
    base::Result<void> embed(EmbedRequest request, Pooling pooling);
    EngineStats stats() const;                   // any thread
    std::optional<base::Error> failure() const;  // any thread; as Engine::failure()

  private:
    using Generations = std::vector<std::unique_ptr<Generation>>;

    void run(const std::stop_token& stop);
    void take_arrivals();
    void sweep();
    void propose();
    void ask_draft_model();
    void announce(const Step& step);
    void compute(const Step& step);
    bool run_model(const Step& step);
    void read_logits(const Step& step);
    void sleep();
    int32_t prompt_rows() const;
    void end_all(const base::Error& why);
    void give_up(const base::Error& why);

    Generation& owner(const Sequence& sequence);
    void fail(Generation& generation, base::Error error);
    void drop_ended();
    void publish_stats();

    const EngineLoopParts parts_;
    const std::shared_ptr<Doorbell> bell_ = std::make_shared<Doorbell>();

    mutable std::mutex mutex_;  // guards the next four
    std::optional<base::Error> failure_;
    Generations arrivals_;
    uint64_t next_id_ = 1;
    EngineStats stats_{};
    std::atomic<uint32_t> waiting_{0};  // submitted and not yet admitted

    // The engine thread's own.
    PagePool pages_;
    Scheduler scheduler_;
    PrefillGovernor governor_;
    DraftGovernor draft_governor_;
    std::vector<DraftTask> draft_tasks_;
    uint64_t proposals_ = 0;
    bool draft_model_works_ = true;
    EmbedQueue embeddings_;
    Generations live_, taken_;         // live_: by id, ascending
    std::unique_ptr<float[]> logits_;  // [logit_rows, vocab]
    std::vector<ItemResult> results_;
    SamplerScratch scratch_;
    uint64_t steps_ = 0, prompt_tokens_ = 0, completion_tokens_ = 0;
    uint64_t draft_tokens_ = 0, draft_tokens_accepted_ = 0;

    std::jthread thread_;  // last: it uses everything above
};

}  // namespace airframe
