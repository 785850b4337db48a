// Some rows of a matrix of any block format as short floats; columns beyond its end, up to `depth`, become 0.
#version 460
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 0) const uint QUANT = 0;
#include "quants.glsl"

layout(push_constant) uniform Args {
    U32 weights;
    U32x4 y;  // [rows, depth / 8]
    uint first_byte;
    uint row_bytes;
    uint cols;
    uint rows;
    uint depth;
};

void main() {
    const uint at = workgroup_number() * 256u + gl_LocalInvocationID.x, eights = depth / 8u;
    const uint row = at / eights, k = (at % eights) * 8u;
    if (row >= rows) return;
    Eight w = Eight(vec4(0), vec4(0));
    if (k < cols) w = decode8(weights, first_byte + row * row_bytes, k, cols);
    y.at[at] = uvec4(packHalf2x16(w.a.xy), packHalf2x16(w.a.zw), packHalf2x16(w.b.xy), packHalf2x16(w.b.zw));
}
