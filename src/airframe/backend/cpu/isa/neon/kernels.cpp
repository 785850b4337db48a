#include "airframe/backend/cpu/isa/neon/simd.h"
// The kernel text, in the words above.
#include "airframe/backend/cpu/kernels/table.h"

namespace airframe::cpu {

extern const Kernels kNeonKernels;
constinit const Kernels kNeonKernels = make_kernels("neon", {8, 8});

}  // namespace airframe::cpu
