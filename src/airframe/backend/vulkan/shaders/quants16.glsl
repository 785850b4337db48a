// Sixteen weights at a time, as one read of packed bytes gives them: decode_unit(). Needs quants.glsl.

struct Sixteen {
    Eight a, b;
    uint ka, kb;  // where in the row each eight begins
};

// The low and the high nibbles of 8 bytes at offset.
void nibble_pair(U32 weights, uint offset, out uvec2 low, out uvec2 high) {
    const uvec2 bytes = u64_at(weights, offset);
    low = bytes & 0x0F0F0F0Fu;
    high = (bytes >> 4) & 0x0F0F0F0Fu;
}

Sixteen decode16_q4_0(U32 weights, uint row, uint unit) {
    const uint block = row + (unit >> 1) * 18u, j = (unit & 1u) * 8u;
    uvec2 low, high;
    nibble_pair(weights, block + 2u + j, low, high);
    const float d = f16_at(weights, block);
    const uint k = (unit >> 1) * 32u + j;
    return Sixteen(scaled(of_bytes(low), d, -8.0 * d), scaled(of_bytes(high), d, -8.0 * d), k, k + 16u);
}

Sixteen decode16_q4_q5_k(U32 weights, uint row, uint unit) {
    const bool five = QUANT == Q_Q5_K;
    const uint block = row + (unit >> 4) * (five ? 176u : 144u), chunk = (unit >> 2) & 3u, l = (unit & 3u) * 8u;
    const uvec4 head = head_at(weights, block);
    const vec2 d = unpackHalf2x16(head.x);
    uvec2 low, high;
    nibble_pair(weights, block + (five ? 48u : 16u) + chunk * 32u + l, low, high);
    if (five) {
        const uvec2 bits = u64_at(weights, block + 16u + l) >> (2u * chunk);
        low |= (bits & 0x01010101u) << 4;
        high |= ((bits >> 1) & 0x01010101u) << 4;
    }
    const vec2 first = d * k_scale_min(head.yzw, 2u * chunk), second = d * k_scale_min(head.yzw, 2u * chunk + 1u);
    const uint k = (unit >> 4) * 256u + chunk * 64u + l;
    return Sixteen(scaled(of_bytes(low), first.x, -first.y), scaled(of_bytes(high), second.x, -second.y), k, k + 32u);
}

Sixteen decode16_q6_k(U32 weights, uint row, uint unit) {
    const uint block = row + (unit >> 4) * 210u, r = unit & 15u, half_block = r >> 3, quarter = (r >> 2) & 1u;
    const uint l = (r & 3u) * 8u, j = half_block * 128u + quarter * 32u + l;
    uvec2 low, high;
    nibble_pair(weights, block + half_block * 64u + quarter * 32u + l, low, high);
    const uvec2 bits = u64_at(weights, block + 128u + half_block * 32u + l) >> (2u * quarter);
    low |= (bits & 0x03030303u) << 4;
    high |= ((bits >> 4) & 0x03030303u) << 4;
    const float d = f16_at(weights, block + 208u);
    const float first = d * float(bitfieldExtract(int(u8_at(weights, block + 192u + (j >> 4))), 0, 8));
    const float second = d * float(bitfieldExtract(int(u8_at(weights, block + 196u + (j >> 4))), 0, 8));
    const uint k = (unit >> 4) * 256u + j;
    return Sixteen(scaled(of_bytes(low), first, -32.0 * first), scaled(of_bytes(high), second, -32.0 * second), k,
                   k + 64u);
}

// Weights of one unit: 16 where two eights come from the same bytes, else 8.
const uint kUnit = QUANT == Q_Q4_0 || QUANT == Q_Q4_K || QUANT == Q_Q5_K || QUANT == Q_Q6_K ? 16 : 8;

// Number `unit` of a row of `cols` weights; what lies beyond the row is 0. With kUnit 8 the second eight is not set.
Sixteen decode_unit(U32 weights, uint row, uint unit, uint cols) {
    if (QUANT == Q_Q4_0) return decode16_q4_0(weights, row, unit);
    if (QUANT == Q_Q4_K || QUANT == Q_Q5_K) return decode16_q4_q5_k(weights, row, unit);
    if (QUANT == Q_Q6_K) return decode16_q6_k(weights, row, unit);
    Sixteen w;
    w.ka = unit * 8u;
    w.a = decode8(weights, row, w.ka, cols);
    return w;
}
