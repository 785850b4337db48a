// The vocabulary of AVX-512 with VNNI, VBMI and BF16, for processors that have AMX tiles too.
#pragma once

#include "airframe/backend/cpu/isa/avx512/simd.h"
