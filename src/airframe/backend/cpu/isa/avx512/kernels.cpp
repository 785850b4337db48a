#include "airframe/backend/cpu/isa/avx512/simd.h"
// The kernel text, in the words above.
#include "airframe/backend/cpu/kernels/table.h"

namespace airframe::cpu {

extern const Kernels kAvx512Kernels;
constinit const Kernels kAvx512Kernels = make_kernels("avx512", {12, 12});

}  // namespace airframe::cpu
