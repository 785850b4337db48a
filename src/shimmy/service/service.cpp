#include "shimmy/service/service.h"

#include <utility>

#include "shimmy/service/best_of.h"
#include "shimmy/service/generation_job.h"

namespace shimmy {

using base::ErrorCode;
using base::fail;

namespace {

constexpr size_t kListedModelsMax = 20;  // ids that an error message names

// The consumer's end of a job: dropping it cancels.
class JobHandle final : public Generation {
  public:
    explicit JobHandle(std::shared_ptr<GenerationJob> job) : job_(std::move(job)) {}
    ~JobHandle() override { job_->cancel(); }
    JobHandle(const JobHandle&) = delete;
    JobHandle& operator=(const JobHandle&) = delete;
    std::optional<GenerationEvent> try_next() override { return job_->try_next(); }
    void on_ready(std::function<void()> wake) override { job_->on_ready(std::move(wake)); }

  private:
    std::shared_ptr<GenerationJob> job_;
};

std::string listed_ids(const std::vector<ModelEntry>& entries) {
    if (entries.empty()) return "none";
    std::string list;
    for (size_t i = 0; i < entries.size() && i < kListedModelsMax; ++i) {
        if (i > 0) list += ", ";
        list += entries[i].id;
    }
    if (entries.size() > kListedModelsMax)
        list += fmt::format(" and {} more", entries.size() - kListedModelsMax);
    return list;
}

}  // namespace

Service::Service(Catalog& catalog, ModelLoader loader, ServiceOptions options)
    : catalog_(catalog),
      workers_(options.workers, options.worker_queue),
      registry_(std::move(loader), std::move(options.registry)) {}

base::Result<ModelEntry> Service::find_model(const std::string& name) {
    auto found = catalog_.find_or_refresh(name);
    if (found || found.error().code != ErrorCode::kNotFound) return found;
    return std::unexpected(base::Error{ErrorCode::kNotFound,
                                       fmt::format("The model '{}' does not exist here. Known models: {}.",
                                                   name, listed_ids(catalog_.entries())),
                                       "model", "model_not_found"});
}

std::unique_ptr<Generation> Service::generate(GenerateRequest request) {
    const uint32_t n = request.n, computed = request.best_of;
    if (computed <= n) {
        request.best_of = 0;
        return start(std::move(request));
    }
    request.n = computed;
    return best_of(start(std::move(request)), computed, n);
}

std::unique_ptr<Generation> Service::start(GenerateRequest request) {
    const std::string name = request.model;
    auto job = std::make_shared<GenerationJob>(std::move(request));
    auto handle = std::make_unique<JobHandle>(job);
    const auto entry = find_model(name);
    if (!entry) {
        job->prepare(std::unexpected(entry.error()));
        return handle;
    }
    if (ModelLease model = registry_.try_acquire(*entry)) {
        job->prepare(std::move(model));
        return handle;
    }
    auto wait =
        std::make_shared<ModelWait>([this, weak = std::weak_ptr(job)](base::Result<ModelLease> model) {
            const auto job = weak.lock();
            if (!job) return;
            if (!model) return job->prepare(std::move(model));
            if (!workers_.try_post([job, model] { job->prepare(model); })) {
                job->prepare(fail(ErrorCode::kQueueFull, "too many requests at once; try again later"));
            }
        });
    job->set_wait(wait);
    registry_.wait_for(*entry, std::move(wait));
    return handle;
}

std::unique_ptr<Embedding> Service::embed(EmbedCall call) {
    const std::string name = call.model;
    return start_embedding(std::move(call),
                           [this, &name](ModelWait::Ready ready) { return acquire(name, std::move(ready)); });
}

std::shared_ptr<ModelWait> Service::acquire(const std::string& name, ModelWait::Ready ready) {
    auto wait = std::make_shared<ModelWait>(std::move(ready));
    const auto entry = find_model(name);
    if (!entry) {
        wait->finish(std::unexpected(entry.error()));
        return wait;
    }
    if (ModelLease model = registry_.try_acquire(*entry)) {
        wait->finish(std::move(model));
        return wait;
    }
    // The registry's thread must not do the work: it goes on to a worker.
    registry_.wait_for(
        *entry,
        std::make_shared<ModelWait>([this, weak = std::weak_ptr(wait)](base::Result<ModelLease> model) {
            const auto wait = weak.lock();
            if (!wait) return;
            if (!model) return wait->finish(std::move(model));
            if (!workers_.try_post([wait, model] { wait->finish(model); })) {
                wait->finish(fail(ErrorCode::kQueueFull, "too many requests at once; try again later"));
            }
        }));
    return wait;
}

}  // namespace shimmy
