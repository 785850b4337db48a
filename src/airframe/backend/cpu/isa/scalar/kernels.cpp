#include "airframe/backend/cpu/isa/scalar/simd.h"
// The kernel text, in the words above.
#include "airframe/backend/cpu/kernels/table.h"

namespace airframe::cpu {

extern const Kernels kScalarKernels;
constinit const Kernels kScalarKernels = make_kernels("scalar", {6, 6});

}  // namespace airframe::cpu
