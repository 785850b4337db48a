#include "shimmy/app/load_model.h"

#include <optional>
#include <utility>

#include "shimmy/app/terminal.h"

namespace shimmy {

base::Result<std::unique_ptr<airframe::Model>> load_model(const ModelEntry& entry,
                                                          const GlobalOptions& global,
                                                          const LoadOptions& options) {
    ProgressBar bar("loading " + entry.id, entry.bytes);
    const auto on_progress =
        options.on_progress ? options.on_progress : [&](double done) { bar.update(done); };
    TRY(auto file, open_model(entry));
    TRY(auto backend,
        airframe::make_backend(backend_name(global.backend),
                               {.threads = global.threads, .deterministic = global.deterministic}));
    return airframe::Model::load(std::move(file), std::move(backend),
                                 {.batch_rows_max = options.batch_rows_max,
                                  .logit_rows_max = options.logit_rows_max,
                                  .on_progress = on_progress});
}

std::string backend_name(const std::string& wanted) {
    return wanted == "auto" || wanted == "airframe" ? "cpu" : wanted;
}

}  // namespace shimmy
