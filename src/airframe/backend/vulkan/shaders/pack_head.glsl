// Packs the vector of a head that the workgroup has made.
shared float made[DIM_V];

void pack_head(U32x4 packed, uint row, uint head) {
    for (uint group = gl_LocalInvocationID.x; group < DIM_V / 16u; group += gl_WorkGroupSize.x) {
        float values[16];
        [[unroll]] for (uint i = 0; i < 16; ++i) values[i] = made[group * 16u + i];
        pack_group(packed, row, head * (DIM_V / 16u) + group, n_heads * DIM_V, values);
    }
}
