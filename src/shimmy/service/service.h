// Service: everything below the wire. Models by name, and requests for text as event streams.
//
//   Service service(catalog, make_model_loader({...}), {});
//   auto generation = service.generate(request);       // see generation.h
// All functions may be called from any thread; generate() does real work (rendering, tokenizing): call it on
// a worker.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "shimmy/service/embedding.h"
#include "shimmy/service/generation.h"
#include "shimmy/service/registry.h"
#include "shimmy/service/workers.h"
#include "shimmy/store/catalog.h"

namespace shimmy {

struct ServiceOptions {
    int workers = 2;
    size_t worker_queue = 1024;  // tasks waiting at once
    RegistryOptions registry;
};

class Service {
  public:
    // The catalog must outlive the service.
    Service(Catalog& catalog, ModelLoader loader, ServiceOptions options);
    ~Service() { workers_.stop(); }  // while the registry, which their tasks use, still stands
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    // Never fails by itself: what is wrong comes as the generation's first event, a GenerationFault.
    std::unique_ptr<Generation> generate(GenerateRequest request);

    // The same for vectors of texts and rankings.
    std::unique_ptr<Embedding> embed(EmbedCall call);

    // Hands over the model called `name`, loaded if need be: at once or later, on a worker. Cancelling the
    // returned wait keeps `ready` from being called.
    std::shared_ptr<ModelWait> acquire(const std::string& name, ModelWait::Ready ready);

    // The model called `name`. Errors: kNotFound, detail "model_not_found", naming the known ids.
    base::Result<ModelEntry> find_model(const std::string& name);

    Catalog& catalog() { return catalog_; }
    Workers& workers() { return workers_; }
    const Registry& registry() const { return registry_; }
    double uptime_s() const { return base::seconds_since(start_); }

  private:
    std::unique_ptr<Generation> start(GenerateRequest request);

    const base::Clock::time_point start_ = base::Clock::now();
    Catalog& catalog_;
    Workers workers_;
    Registry registry_;
};

}  // namespace shimmy
