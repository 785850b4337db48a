#include "airframe/backend/cpu/isa/avxvnni/simd.h"
// The kernel text, in the words above.
#include "airframe/backend/cpu/kernels/table.h"

namespace airframe::cpu {

extern const Kernels kAvxVnniKernels;
constinit const Kernels kAvxVnniKernels = make_kernels("avxvnni", {4, 8});

}  // namespace airframe::cpu
