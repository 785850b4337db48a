// How this program brings a model into memory for serving: file, backend, weights, vocabulary, chat template,
// engine.
#pragma once

#include <cstdint>
#include <string>

#include "shimmy/app/command.h"
#include "shimmy/app/serving_options.h"
#include "shimmy/service/loaded_model.h"

namespace shimmy {

// Backend, threads and context as the global options say, the engine as `serving` says; `chat_template`
// instead of each model's own: a file or the name of a built-in one; empty: none. The loader may be called
// from any thread.
ModelLoader make_model_loader(const GlobalOptions& global, std::string chat_template = {},
                              const ServingOptions& serving = {});

// The option that gives `chat_template`.
void add_chat_template_option(CLI::App& command, std::string& chat_template);

}  // namespace shimmy
