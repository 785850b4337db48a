// From what stands on the command line to model files: discovery with the global options, and the MODEL
// argument.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "shimmy/app/command.h"
#include "shimmy/store/discovery.h"

namespace shimmy {

// All models of this machine, the built-in one included, and where they were looked for.
Discovery find_models(const GlobalOptions& global, const std::filesystem::path& model_path = {});

// MODEL as people write it: a path to a GGUF file, or an id that `shimmy list` shows.
// Errors: kNotFound naming close ids, kInvalidArgument when nothing was named.
base::Result<ModelEntry> resolve_model(const std::string& model, const GlobalOptions& global);

// "llama 1.1B Q4_0, context 2,048": the facts that are known, for one line.
std::string describe(const ModelFacts& facts);

}  // namespace shimmy
