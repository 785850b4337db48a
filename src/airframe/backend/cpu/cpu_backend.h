// The backend for processors: kernels for the instruction set found at run time, weights read where they lie.
//
// A row's result never depends on the number of threads, and within one kernel never on the other rows of its
// batch. There are two kernels for matrices, one for a few rows and one for many: they differ by rounding.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "airframe/backend/backend.h"
#include "base/result.h"

namespace airframe {

// options.isa empty: SHIMMY_CPU_ISA, else the best that the processor has.
// Errors: kInvalidArgument (no such instruction set, or threads < 0), kUnsupported (this processor lacks it),
// both with the list of those present.
base::Result<std::unique_ptr<Backend>> make_cpu_backend(const BackendOptions& options);

// The instruction sets with kernels in this program that this processor has, best first.
std::vector<std::string_view> cpu_isas_present();

}  // namespace airframe
