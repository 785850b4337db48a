#include "shimmy/service/registry.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <utility>

#include "base/log.h"
#include "base/system.h"

namespace shimmy {

using base::ErrorCode;
using base::fail;

namespace {

constexpr uint64_t kLoadHeadroomBytes = 512ull << 20;  // KV pages and work space beside the weights

}  // namespace

// Leases may end on any thread and after the registry: they hand their model back here.
struct Registry::Core {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::vector<std::unique_ptr<const LoadedModel>>
        ended;         // nobody uses them any more; our thread frees them
    size_t alive = 0;  // leased or ended, not yet freed
    bool closed = false;

    void hand_back(const LoadedModel* model) {
        std::unique_ptr<const LoadedModel> owned(model);
        std::lock_guard lock(mutex);
        if (closed) return;  // freed here, by whoever was last
        ended.push_back(std::move(owned));
        changed.notify_all();
    }
};

Registry::Registry(ModelLoader loader, RegistryOptions options)
    : loader_(std::move(loader)),
      options_(std::move(options)),
      core_(std::make_shared<Core>()),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Registry::~Registry() {
    thread_.request_stop();
    thread_.join();
    std::deque<Waiting> waiting;
    std::vector<std::unique_ptr<const LoadedModel>> ended;
    {
        Lock lock(core_->mutex);
        core_->closed = true;
        waiting.swap(waiting_);
        ended.swap(core_->ended);
    }
    current_.reset();
    for (Waiting& each : waiting) {
        each.wait->finish(fail(ErrorCode::kUnavailable, "the server is shutting down"));
    }
}

ModelLease Registry::try_acquire(const ModelEntry& entry) const {
    Lock lock(core_->mutex);
    const auto for_another = [&](const Waiting& each) { return each.entry.id != entry.id; };
    if (!current_ || current_->id != entry.id || current_->engine->failure() ||
        std::ranges::any_of(waiting_, for_another))
        return nullptr;
    return current_;
}

ModelLease Registry::current() const {
    Lock lock(core_->mutex);
    return current_;
}

void Registry::wait_for(const ModelEntry& entry, std::shared_ptr<ModelWait> wait) {
    {
        Lock lock(core_->mutex);
        if (waiting_.size() < options_.waiting_max) {
            waiting_.push_back({entry, std::move(wait)});
            version_.fetch_add(1, std::memory_order_relaxed);
            core_->changed.notify_all();
            return;
        }
    }
    wait->finish(fail(ErrorCode::kQueueFull, "{} requests already wait for a model to load; try again later",
                      options_.waiting_max));
}

RegistryStatus Registry::status() const {
    Lock lock(core_->mutex);
    return {.current_id = current_ ? current_->id : "",
            .loading_id = loading_id_,
            .loading_progress = loading_id_.empty() ? 0 : loading_progress_.load(),
            .waiting = waiting_.size()};
}

void Registry::run(const std::stop_token& stop) {
    Lock lock(core_->mutex);
    while (!stop.stop_requested()) {
        core_->changed.wait(lock, stop, [&] { return !waiting_.empty() || !core_->ended.empty(); });
        if (!core_->ended.empty()) {
            free_ended(lock);
        } else if (!waiting_.empty() && !stop.stop_requested()) {
            serve_next(lock, stop);
        }
    }
}

void Registry::free_ended(Lock& lock) {
    auto ended = std::exchange(core_->ended, {});
    const size_t count = ended.size();
    lock.unlock();
    ended.clear();
    lock.lock();
    core_->alive -= count;
}

// Brings the first waiting request's model and hands it to all that wait for the same one.
void Registry::serve_next(Lock& lock, const std::stop_token& stop) {
    std::erase_if(waiting_, [](const Waiting& each) { return each.wait->cancelled(); });
    if (waiting_.empty()) return;
    const ModelEntry entry = waiting_.front().entry;
    const bool is_current = current_ && current_->id == entry.id && !current_->engine->failure();
    base::Result<ModelLease> result = is_current ? current_ : switch_to(lock, entry, stop);
    if (stop.stop_requested()) return;  // the destructor answers those who wait
    auto served = take_waiting_for(entry.id);
    version_.fetch_add(1, std::memory_order_relaxed);
    lock.unlock();
    for (const auto& wait : served) wait->finish(result);
    served.clear();
    result = ModelLease();
    lock.lock();
}

base::Result<ModelLease> Registry::switch_to(Lock& lock, const ModelEntry& entry,
                                             const std::stop_token& stop) {
    loading_id_ = entry.id;
    loading_progress_.store(0);
    version_.fetch_add(1, std::memory_order_relaxed);
    lock.unlock();
    const auto checked = loader_.check ? loader_.check(entry) : base::Result<void>();
    lock.lock();
    base::Result<ModelLease> result;
    if (checked) {
        make_room(lock, entry, stop);
        if (!stop.stop_requested()) {
            lock.unlock();
            result = load(entry);
            lock.lock();
        }
    } else {
        result = std::unexpected(checked.error());
    }
    if (result && *result) {
        current_ = *result;
        core_->alive += 1;
    } else if (!result) {
        base::log_warn("model {} could not be loaded: {}", base::printable(entry.id),
                       base::printable(result.error().message, 1000));
    }
    loading_id_.clear();
    return result;
}

// Lets go of the current model and, when the next one would not fit beside those still at work, waits for
// them.
void Registry::make_room(Lock& lock, const ModelEntry& entry, const std::stop_token& stop) {
    ModelLease old = std::move(current_);
    lock.unlock();
    old.reset();
    lock.lock();
    const auto fits = [&] {
        const uint64_t free =
            options_.memory_free_bytes ? options_.memory_free_bytes() : base::available_memory_bytes();
        return free >= entry.bytes + kLoadHeadroomBytes;
    };
    while (!stop.stop_requested() && core_->alive > 0) {
        if (core_->ended.empty()) {
            if (fits()) return;
            core_->changed.wait(lock, stop, [&] { return !core_->ended.empty(); });
            continue;
        }
        free_ended(lock);
    }
}

base::Result<ModelLease> Registry::load(const ModelEntry& entry) {
    try {
        TRY(auto model, loader_.load(entry, [this](double done) {
            loading_progress_.store(done);
            version_.fetch_add(1, std::memory_order_relaxed);
        }));
        return ModelLease(model.release(),
                          [core = core_](const LoadedModel* ended) { core->hand_back(ended); });
    } catch (const std::bad_alloc&) {
        return fail(ErrorCode::kOutOfMemory, "model '{}' ({} MB) does not fit into memory", entry.id,
                    entry.bytes >> 20);
    } catch (const std::exception& error) {
        base::log_error("loading {}: {}", base::printable(entry.id), base::printable(error.what()));
        return fail(ErrorCode::kInternal, "model '{}' could not be loaded: a fault of the server", entry.id);
    }
}

std::vector<std::shared_ptr<ModelWait>> Registry::take_waiting_for(const std::string& id) {
    std::vector<std::shared_ptr<ModelWait>> taken;
    std::erase_if(waiting_, [&](Waiting& each) {
        if (each.entry.id != id) return false;
        taken.push_back(std::move(each.wait));
        return true;
    });
    return taken;
}

}  // namespace shimmy
