// make_model: a model file of a real shape with random, sane weights, written as fast as the disk. Benchmarks
// and tests need the shape, not the wisdom. The vocabulary has the shape's size: byte tokens and filler
// words, so any text encodes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "airframe/model/model_shape.h"
#include "airframe/model/quant_mix.h"
#include "base/result.h"

namespace airframe {

struct MakeModelOptions {
    uint64_t seed = 1;
    std::function<void(double)> on_progress;  // 0 to 1; may be empty
};

// Errors: kIo; kInvalidArgument (a vocabulary too small for the byte tokens).
base::Result<void> make_model(const ModelShape& shape, const QuantMix& mix, const std::filesystem::path& path,
                              const MakeModelOptions& options);

}  // namespace airframe
