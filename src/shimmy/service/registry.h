// Registry: which model is in memory. One at a time is current; a request for another one waits for the
// switch.
//
// The switch is first come, first served: as soon as a request for another model waits, later requests for
// the current one queue behind it, so nobody starves, and all that wait for one model are served by one load.
// Requests still running on the old model keep it alive; when both models do not fit into memory together the
// load waits for them. A file that cannot be loaded does not cost the current model its place. Loading and
// unloading happen on one thread of the registry's own. All functions may be called from any thread.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "shimmy/service/loaded_model.h"

namespace shimmy {

using ModelLease = std::shared_ptr<const LoadedModel>;

// Someone who waits for a model. `ready` is called once, or not at all when cancel() came first.
class ModelWait {
  public:
    using Ready = std::move_only_function<void(base::Result<ModelLease>)>;
    explicit ModelWait(Ready ready) : ready_(std::move(ready)) {}
    void cancel() { taken_.store(true); }
    bool cancelled() const { return taken_.load(); }
    void finish(base::Result<ModelLease> result) {
        if (!taken_.exchange(true)) ready_(std::move(result));
    }

  private:
    std::atomic<bool> taken_{false};
    Ready ready_;
};

struct RegistryStatus {
    std::string current_id;       // empty: none loaded
    std::string loading_id;       // empty: none loading
    double loading_progress = 0;  // 0 to 1
    size_t waiting = 0;           // requests that wait for a model
};

struct RegistryOptions {
    size_t waiting_max = 1024;  // more are refused with kQueueFull
    // Memory that a load may take; asked before each load. Empty: what the system has free.
    std::function<uint64_t()> memory_free_bytes;
};

class Registry {
  public:
    Registry(ModelLoader loader, RegistryOptions options);
    ~Registry();  // those who wait get kUnavailable

    // The model, when it is current and nobody waits for another; else null: then wait_for().
    ModelLease try_acquire(const ModelEntry& entry) const;
    // Calls wait.finish later, on the registry's thread, which the callback must not hold up; or now, to
    // refuse.
    void wait_for(const ModelEntry& entry, std::shared_ptr<ModelWait> wait);

    // The model in memory, whoever waits for another; null when there is none.
    ModelLease current() const;

    RegistryStatus status() const;
    // Increases with every change of the status that is worth telling.
    uint64_t version() const { return version_.load(std::memory_order_relaxed); }

  private:
    struct Waiting {
        ModelEntry entry;
        std::shared_ptr<ModelWait> wait;
    };
    struct Core;
    using Lock = std::unique_lock<std::mutex>;

    void run(const std::stop_token& stop);
    void free_ended(Lock& lock);
    void serve_next(Lock& lock, const std::stop_token& stop);
    base::Result<ModelLease> switch_to(Lock& lock, const ModelEntry& entry, const std::stop_token& stop);
    void make_room(Lock& lock, const ModelEntry& entry, const std::stop_token& stop);
    base::Result<ModelLease> load(const ModelEntry& entry);
    std::vector<std::shared_ptr<ModelWait>> take_waiting_for(const std::string& id);

    const ModelLoader loader_;
    const RegistryOptions options_;
    const std::shared_ptr<Core>
        core_;  // mutex, wake-up, and the models that are alive; outlives us if leases do
    // Below: under the core's mutex. A lease is never dropped while it is held.
    std::deque<Waiting> waiting_;
    ModelLease current_;
    std::string loading_id_;
    std::atomic<double> loading_progress_{0};
    std::atomic<uint64_t> version_{0};
    std::jthread thread_;  // last: stops before the rest goes away
};

}  // namespace shimmy
