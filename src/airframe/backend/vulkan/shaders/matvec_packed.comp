// matvec_packed.glsl for devices that multiply four bytes at a time: OpSDot of SPV_KHR_integer_dot_product, which
// Debian's glslc has no words for.
#version 460
#extension GL_EXT_spirv_intrinsics : require
#include "common.glsl"
spirv_instruction(extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6018, 6019], id = 4450)
int packed_dot(int a, int b, spirv_literal int format);
int dot4(uint a, uint b, int sum) { return packed_dot(int(a), int(b), 0) + sum; }
#include "matvec_packed.glsl"
