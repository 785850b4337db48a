// The vocabulary of AVX2 with VNNI: the compiler's flag __AVXVNNI__ switches the dot products.
#pragma once

#include "airframe/backend/cpu/isa/avx2/simd.h"
