// How this program brings a model into memory for serving: file, backend, weights, vocabulary, chat template,
// engine.
#pragma once

#include <cstdint>
#include <string>

#include "shimmy/app/command.h"
#include "shimmy/service/loaded_model.h"

namespace shimmy {

// Backend, threads and context as the global options say. The loader may be called from any thread.
ModelLoader make_model_loader(const GlobalOptions& global);

}  // namespace shimmy
