#include "airframe/backend/cpu/isa/neondot/simd.h"
// The kernel text, in the words above.
#include "airframe/backend/cpu/kernels/table.h"

namespace airframe::cpu {

extern const Kernels kNeonDotKernels;
constinit const Kernels kNeonDotKernels = make_kernels("neondot", {8, 8});

}  // namespace airframe::cpu
