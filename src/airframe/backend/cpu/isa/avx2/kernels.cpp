#include "airframe/backend/cpu/isa/avx2/simd.h"
// The kernel text, in the words above.
#include "airframe/backend/cpu/kernels/table.h"

namespace airframe::cpu {

extern const Kernels kAvx2Kernels;
constinit const Kernels kAvx2Kernels = make_kernels("avx2", {4, 8});

}  // namespace airframe::cpu
