// EmbedQueue: requests for embeddings, worked off pass by pass between the steps of running streams, in order
// of arrival. What a pass is stays behind one function. add() may be called from any thread, the rest by the
// engine thread only.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "airframe/engine/doorbell.h"
#include "airframe/engine/engine.h"
#include "base/clock.h"

namespace airframe {

class EmbedQueue {
  public:
    // Embedder's functions: a pass, and giving back its memory when nothing is left to do.
    struct Parts {
        std::function<base::Result<void>(EmbedWork& work, uint32_t rows_max)> pass;
        std::function<void()> release;
    };
    struct Limits {
        uint32_t requests;                                 // that are not done
        std::optional<std::chrono::nanoseconds> deadline;  // of requests that name none
    };

    EmbedQueue(Parts parts, const Limits& limits, std::shared_ptr<Doorbell> engine);

    // REQUIRES: texts checked, at least one; `pooling` is one that the model has. Errors: kQueueFull.
    base::Result<void> add(EmbedRequest request, Pooling pooling);

    // Computes about `rows_max` rows, after ending what is cancelled or late. False: nothing was left to do.
    bool run_pass(uint32_t rows_max);
    // The error of a pass after which none can go well: the device is lost.
    const std::optional<base::Error>& failure() const { return failure_; }
    // Everything that is not done gets this error.
    void end_all(const base::Error& why);

    uint32_t waiting() const;  // any thread
    uint64_t texts_done() const;

  private:
    struct Job {
        EmbedRequest request;
        EmbedWork work;
        base::Clock::time_point submitted;
        std::optional<base::Clock::time_point> deadline;
    };

    void take_arrivals();
    void sweep();
    void end_first(base::Result<void> passed);

    const Parts parts_;
    const Limits limits_;
    const std::shared_ptr<Doorbell> engine_;

    mutable std::mutex mutex_;  // guards the next three
    std::deque<Job> arrivals_;
    uint32_t waiting_ = 0;
    uint64_t texts_done_ = 0;

    std::deque<Job> jobs_;     // the engine thread's own, like the next
    bool has_memory_ = false;  // that may be given back
    std::optional<base::Error> failure_;
};

// The queue's parts for a model; the embedder must outlive the queue.
inline EmbedQueue::Parts embed_parts(Embedder& embedder) {
    return {.pass = [&embedder](EmbedWork& work, uint32_t rows) { return embedder.pass(work, rows); },
            .release = [&embedder] { embedder.release(); }};
}

// What is to be computed for a request. Errors: as Engine::embed, but for kQueueFull.
base::Result<Pooling> check_embed(const EmbedRequest& request, const ModelSpec& spec,
                                  std::optional<Pooling> pooling, size_t tokens_max);

}  // namespace airframe
