// The vocabulary of AVX-512 with VNNI: the compiler's flag __AVX512VNNI__ switches the dot products.
#pragma once

#include "airframe/backend/cpu/isa/avx512/simd.h"
