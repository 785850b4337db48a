#pragma once

// The vocabulary of NEON; the compiler's flag brings the dot products.
#include "airframe/backend/cpu/isa/neon/simd.h"
