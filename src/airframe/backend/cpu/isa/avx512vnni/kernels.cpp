#include "airframe/backend/cpu/isa/avx512vnni/simd.h"
// The kernel text, in the words above.
#include "airframe/backend/cpu/kernels/table.h"

namespace airframe::cpu {

extern const Kernels kAvx512VnniKernels;
constinit const Kernels kAvx512VnniKernels = make_kernels("avx512vnni", {4, 12});

}  // namespace airframe::cpu
