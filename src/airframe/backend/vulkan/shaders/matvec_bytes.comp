// matvec_packed.glsl for devices without a dot product of bytes.
#version 460
#include "common.glsl"
int dot4(uint a, uint b, int sum) {
    [[unroll]] for (int i = 0; i < 32; i += 8)
        sum += bitfieldExtract(int(a), i, 8) * bitfieldExtract(int(b), i, 8);
    return sum;
}
#include "matvec_packed.glsl"
