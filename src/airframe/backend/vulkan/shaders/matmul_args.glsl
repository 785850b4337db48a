// Arguments of both matrix shaders: y = W x + b, or y += scale * (W x + b), for `rows` rows of x.
// With experts: row r takes the matrix experts[r] of a stack, and row r / x_share of x.
const uint F_BIAS = 1, F_ADD = 2, F_EXPERTS = 4, F_GATE_BIAS = 8;

layout(push_constant) uniform Args {
    U32 weights;
    F32 x;        // [rows / x_share, cols]
    F32 y;        // [rows, outs]
    F32 bias;     // [outs]
    U32 experts;  // [rows]
    uint first_byte;
    uint row_bytes;
    uint cols;
    uint outs;
    uint rows;
    uint flags;
    float scale;
    uint expert_bytes;  // from one matrix of a stack to the next
    uint x_share;
    // A second matrix and bias, of the gate: matvec.comp alone.
    uint gate_first_byte;
    U32 gate_weights;
    F32 gate_bias;
};

void put(uint row, uint out_row, float value) {
    if ((flags & F_BIAS) != 0u) value += bias.at[out_row];
    const uint at = row * outs + out_row;
    y.at[at] = (flags & F_ADD) != 0u ? y.at[at] + scale * value : value;
}

// Elements k .. k + 7 of a row of x; 0 beyond its end.
Eight x_eight(uint row, uint k) {
    const uint at = row * cols + k;
    if ((cols & 7u) == 0u) {
        F32x4 wide = F32x4(x);
        return Eight(wide.at[at >> 2], wide.at[(at >> 2) + 1u]);
    }
    Eight v = Eight(vec4(0), vec4(0));
    [[unroll]] for (uint i = 0; i < 4; ++i) {
        if (k + i < cols) v.a[i] = x.at[at + i];
        if (k + 4 + i < cols) v.b[i] = x.at[at + 4 + i];
    }
    return v;
}
