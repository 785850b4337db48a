// EventChannel: the queue of one request's events, between the engine thread (writer) and the request's
// consumer.
//
// Bounded: when `capacity` deltas lie unread the channel is full until half of them have been read, and the
// engine leaves the sequence alone so long. The last event always has room. Deltas lie in slots that keep
// their memory, so that the writer allocates nothing once warm; copies for the consumer are made on its own
// thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "airframe/engine/doorbell.h"
#include "airframe/engine/engine.h"

namespace airframe {

class EventChannel {
  public:
    // `engine`: rung when a full channel has room again and when the consumer cancels.
    EventChannel(uint32_t capacity, std::shared_ptr<Doorbell> engine);

    // Writer. REQUIRES: admitted at most once and first, then the prompt at most once; deltas only while not
    // full; nothing after the last event.
    void send(const Admitted& admitted);
    void send(PromptLogprobs prompt);
    void send(const Delta& delta);
    void end(GenEvent last);
    bool full() const { return full_.load(std::memory_order_acquire); }
    bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }

    // Consumer; see EventStream in engine.h.
    std::optional<GenEvent> next();
    std::optional<GenEvent> try_next();
    void on_ready(std::function<void()> ready);
    void cancel();

  private:
    std::optional<GenEvent> take();  // REQUIRES: mutex_ held
    Delta& new_slot();               // REQUIRES: mutex_ held
    void announce();

    const uint32_t capacity_;
    const std::shared_ptr<Doorbell> engine_;
    std::atomic<bool> full_{false}, cancelled_{false};

    std::mutex mutex_;
    std::condition_variable available_;
    std::optional<Admitted> admitted_;
    std::optional<PromptLogprobs> prompt_;
    std::vector<Delta> slots_;  // a ring that grows up to capacity_
    size_t first_ = 0, count_ = 0;
    std::optional<GenEvent> last_;
    bool over_ = false;  // the last event has been taken

    // Held while ready_ runs, so that it is never called after on_ready({}) has returned. Recursive and
    // shared: ready_ itself may drop the stream, and with it the last hold on what it captures.
    std::recursive_mutex ready_mutex_;
    std::shared_ptr<const std::function<void()>> ready_;
};

// The consumer's end: cancels when it is destroyed.
std::unique_ptr<EventStream> make_event_stream(std::shared_ptr<EventChannel> channel);

}  // namespace airframe
