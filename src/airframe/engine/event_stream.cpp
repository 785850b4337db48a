#include "airframe/engine/event_stream.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace airframe {
namespace {

class ChannelStream final : public EventStream {
  public:
    explicit ChannelStream(std::shared_ptr<EventChannel> channel) : channel_(std::move(channel)) {}
    ~ChannelStream() override {
        channel_->on_ready({});
        channel_->cancel();
    }
    std::optional<GenEvent> next() override { return channel_->next(); }
    std::optional<GenEvent> try_next() override { return channel_->try_next(); }
    void on_ready(std::function<void()> ready) override { channel_->on_ready(std::move(ready)); }
    void cancel() override { channel_->cancel(); }

  private:
    const std::shared_ptr<EventChannel> channel_;
};

}  // namespace

EventChannel::EventChannel(uint32_t capacity, std::shared_ptr<Doorbell> engine)
    : capacity_(capacity), engine_(std::move(engine)) {
    CHECK(capacity >= 1, "an event queue without room");
}

void EventChannel::send(const Admitted& admitted) {
    {
        std::lock_guard lock(mutex_);
        admitted_ = admitted;
    }
    announce();
}

void EventChannel::send(PromptLogprobs prompt) {
    {
        std::lock_guard lock(mutex_);
        prompt_ = std::move(prompt);
    }
    announce();
}

void EventChannel::send(const Delta& delta) {
    {
        std::lock_guard lock(mutex_);
        new_slot() = delta;  // the slot's strings and vectors keep their memory
        if (count_ >= capacity_) full_.store(true, std::memory_order_release);
    }
    announce();
}

void EventChannel::end(GenEvent last) {
    {
        std::lock_guard lock(mutex_);
        CHECK(!last_ && !over_, "a stream ends twice");
        last_ = std::move(last);
    }
    announce();
}

std::optional<GenEvent> EventChannel::next() {
    std::unique_lock lock(mutex_);
    available_.wait(lock, [this] { return admitted_ || prompt_ || count_ > 0 || last_ || over_; });
    return take();
}

std::optional<GenEvent> EventChannel::try_next() {
    std::lock_guard lock(mutex_);
    return take();
}

void EventChannel::on_ready(std::function<void()> ready) {
    std::shared_ptr<const std::function<void()>> shared;
    if (ready) shared = std::make_shared<const std::function<void()>>(std::move(ready));
    std::lock_guard lock(ready_mutex_);
    ready_.swap(shared);  // what was there is dropped without the lock
}

void EventChannel::cancel() {
    if (!cancelled_.exchange(true, std::memory_order_acq_rel)) engine_->ring();
}

std::optional<GenEvent> EventChannel::take() {
    if (admitted_) return GenEvent(*std::exchange(admitted_, std::nullopt));
    if (prompt_) {
        GenEvent event(*std::move(prompt_));
        prompt_.reset();
        return event;
    }
    if (count_ > 0) {
        GenEvent event(slots_[first_]);
        first_ = (first_ + 1) % slots_.size();
        --count_;
        if (count_ <= capacity_ / 2 && full_.exchange(false, std::memory_order_acq_rel)) engine_->ring();
        return event;
    }
    if (!last_) return std::nullopt;
    over_ = true;
    return std::exchange(last_, std::nullopt);
}

Delta& EventChannel::new_slot() {
    if (count_ == slots_.size()) {
        std::ranges::rotate(slots_, slots_.begin() + static_cast<ptrdiff_t>(first_));
        first_ = 0;
        slots_.resize(std::max<size_t>(4, slots_.size() * 2));
    }
    return slots_[(first_ + count_++) % slots_.size()];
}

void EventChannel::announce() {
    available_.notify_all();
    std::lock_guard lock(ready_mutex_);
    if (const auto ready = ready_) (*ready)();
}

std::unique_ptr<EventStream> make_event_stream(std::shared_ptr<EventChannel> channel) {
    return std::make_unique<ChannelStream>(std::move(channel));
}

}  // namespace airframe
