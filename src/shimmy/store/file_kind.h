// What a GGUF file is, from its first kilobytes alone: a folder of dozens of models is sorted within a few
// milliseconds, so that start-up does not wait. A wrong guess costs little: loading reads and checks the
// whole header.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace shimmy {

// Nothing to say for a file that holds a language model; else why it is not listed as one: "image projector",
// "LoRA adapter", "vocabulary only", …  `split`: one part of several, which may hold no tensors of its own.
// Errors: kIo, kBadFile (empty, or not a GGUF file).
base::Result<std::string> why_not_a_model(const std::filesystem::path& path, bool split);

}  // namespace shimmy
