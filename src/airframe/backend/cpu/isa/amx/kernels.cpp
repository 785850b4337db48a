#include "airframe/backend/cpu/isa/amx/simd.h"
// The kernel text, in the words above, and its tiles.
#include "airframe/backend/cpu/isa/amx/gemm_tiles.h"
#include "airframe/backend/cpu/kernels/table.h"

namespace airframe::cpu {

extern const Kernels kAmxKernels;
constinit const Kernels kAmxKernels = with_tiles(make_kernels("amx", {4, 12}));

}  // namespace airframe::cpu
