// quantize_file: the same model in another mix of block formats.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "airframe/gguf/gguf.h"
#include "airframe/model/quant_mix.h"
#include "base/result.h"

namespace airframe {

struct QuantizeOptions {
    int threads = 0;                          // 0: as many as this process may use
    std::function<void(double)> on_progress;  // 0 to 1; may be empty
};

struct QuantizeReport {
    uint64_t bytes_before = 0, bytes_after = 0;  // of the tensors
    uint32_t tensors_changed = 0, tensors_kept = 0;
};

// Tensors that the mix leaves as they are, and those of integers, are copied. Errors: kInvalidArgument (out
// is the input file), kIo, kNumeric naming the tensor and row (a weight that is not finite: encoding it would
// hide the damage).
base::Result<QuantizeReport> quantize_file(const GgufFile& in, const QuantMix& mix,
                                           const std::filesystem::path& out, const QuantizeOptions& options);

}  // namespace airframe
