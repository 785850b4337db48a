// Loading a model onto a backend: what every command that computes begins with.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "airframe/model/model.h"
#include "shimmy/app/command.h"
#include "shimmy/store/catalog.h"

namespace shimmy {

struct LoadOptions {
    uint32_t batch_rows_max = 512;
    uint32_t logit_rows_max = 96;
    std::function<void(double)> on_progress;  // empty: a progress bar on stderr when it takes long
};

// Opens and loads onto the backend that the global options name.
// Errors: those of opening and of load_placed.
base::Result<std::unique_ptr<airframe::Model>> load_model(const ModelEntry& entry,
                                                          const GlobalOptions& global,
                                                          const LoadOptions& options = {});

// The backend that the options name; where they leave it open, a GPU if there is one. A model of which
// nothing fits a GPU that nobody asked for goes to the CPU instead, with a warning.
airframe::BackendChoice choose_backend(const GlobalOptions& global);
airframe::BackendOptions backend_options(const GlobalOptions& global);

// "cpu, 8 threads"
std::string backend_text(const GlobalOptions& global);

}  // namespace shimmy
