// Thirty-two weights at a time as small whole numbers, for products with packed activations: unit_at(). Two groups of
// sixteen, each lying together in the row, that come from the same bytes. Block formats alone. Needs quants.glsl.

struct Unit {
    uvec4 a, b;         // signed bytes, in the order of the row
    vec2 scale, shift;  // of a and of b: weight = scale * byte + shift
    uint group_a, group_b;  // the groups' numbers in the row
};

const uint kUnitsOf256 = 8;

// Sixteen bytes at any offset.
uvec4 u128_at(U32 weights, uint offset) {
    const uint word = offset >> 2, shift = (offset & 3u) * 8u;
    const uint w1 = weights.at[word + 1u], w2 = weights.at[word + 2u], w3 = weights.at[word + 3u];
    return uvec4(joined(weights.at[word], w1, shift), joined(w1, w2, shift), joined(w2, w3, shift),
                 joined(w3, weights.at[word + 4u], shift));
}
// offset: a multiple of 4
uvec4 u128_at_word(U32 weights, uint offset) {
    const uint word = offset >> 2;
    return uvec4(weights.at[word], weights.at[word + 1u], weights.at[word + 2u], weights.at[word + 3u]);
}

uvec4 low_nibbles(uvec4 bytes) { return bytes & 0x0F0F0F0Fu; }
uvec4 high_nibbles(uvec4 bytes) { return (bytes >> 4) & 0x0F0F0F0Fu; }
// Bits 0 .. 15, a byte for each.
uvec4 bits_to_bytes(uint bits) {
    return ((uvec4(bits, bits >> 4, bits >> 8, bits >> 12) & 15u) * 0x00204081u) & 0x01010101u;
}

// The tables of quants.glsl as bytes, four to a word.
const uint kIq4Words[4] = uint[4](0xBFAD9881u, 0xF6EADDCFu, 0x26190D01u, 0x71594535u);
const uint kMxfp4Words[4] = uint[4](0x03020100u, 0x0C080604u, 0xFDFEFF00u, 0xF4F8FAFCu);

uint table_word(uint nibbles, bool mxfp4) {
    uint word = 0u;
    [[unroll]] for (uint i = 0; i < 4; ++i) {
        const uint n = (nibbles >> (8u * i)) & 15u;
        const uint four = mxfp4 ? kMxfp4Words[n >> 2] : kIq4Words[n >> 2];
        word |= ((four >> (8u * (n & 3u))) & 255u) << (8u * i);
    }
    return word;
}
uvec4 table_bytes(uvec4 n, bool mxfp4) {
    return uvec4(table_word(n.x, mxfp4), table_word(n.y, mxfp4), table_word(n.z, mxfp4), table_word(n.w, mxfp4));
}

// Nibbles of a block of 32: weights 0-15 are the low ones, 16-31 the high ones.
Unit nibble_unit(uvec4 bytes, float scale, float shift, uint unit) {
    return Unit(low_nibbles(bytes), high_nibbles(bytes), vec2(scale), vec2(shift), 2u * unit, 2u * unit + 1u);
}

// A block of 18 bytes that begins at an even offset: five words hold it, its scale first.
Unit unit_of_18(U32 weights, uint block, uint unit) {
    const uint word = block >> 2;
    const bool inner = (block & 2u) != 0u;
    const uint w0 = weights.at[word], w1 = weights.at[word + 1u], w2 = weights.at[word + 2u], w3 = weights.at[word + 3u],
               w4 = weights.at[word + 4u];
    const vec2 halves = unpackHalf2x16(w0);
    const uvec4 later = uvec4(w1, w2, w3, w4);
    const uvec4 bytes = inner ? later : (uvec4(w0, w1, w2, w3) >> 16) | (later << 16);
    const float d = inner ? halves.y : halves.x;
    Unit w = nibble_unit(bytes, d, QUANT == Q_Q4_0 ? -8.0 * d : 0.0, unit);
    if (QUANT == Q_IQ4_NL) w.a = table_bytes(w.a, false), w.b = table_bytes(w.b, false);
    return w;
}

Unit unit_q8_0(U32 weights, uint block, uint unit) {
    const uint word = block >> 2;
    const bool inner = (block & 2u) != 0u;
    uint w[9];
    [[unroll]] for (uint i = 0; i < 9; ++i) w[i] = weights.at[word + i];
    uvec4 a, b;
    [[unroll]] for (uint i = 0; i < 4; ++i) {
        a[i] = inner ? w[i + 1u] : (w[i] >> 16) | (w[i + 1u] << 16);
        b[i] = inner ? w[i + 5u] : (w[i + 4u] >> 16) | (w[i + 5u] << 16);
    }
    const vec2 halves = unpackHalf2x16(w[0]);
    return Unit(a, b, vec2(inner ? halves.y : halves.x), vec2(0), 2u * unit, 2u * unit + 1u);
}

Unit unit_q5(U32 weights, uint block, uint unit) {
    const bool shifted = QUANT == Q_Q5_1;
    const float d = f16_at(weights, block), m = shifted ? f16_at(weights, block + 2u) : -16.0 * d;
    const uint bits = u32_at(weights, block + (shifted ? 4u : 2u));
    Unit w = nibble_unit(u128_at(weights, block + (shifted ? 8u : 6u)), d, m, unit);
    w.a |= bits_to_bytes(bits & 0xFFFFu) << 4;
    w.b |= bits_to_bytes(bits >> 16) << 4;
    return w;
}

Unit unit_of_32(U32 weights, uint row, uint unit) {
    if (QUANT == Q_Q4_0 || QUANT == Q_IQ4_NL) return unit_of_18(weights, row + unit * 18u, unit);
    if (QUANT == Q_Q8_0) return unit_q8_0(weights, row + unit * 34u, unit);
    if (QUANT == Q_Q4_1) {
        const uint block = row + unit * 20u;
        const vec2 head = unpackHalf2x16(weights.at[block >> 2]);
        return nibble_unit(u128_at_word(weights, block + 4u), head.x, head.y, unit);
    }
    if (QUANT == Q_Q5_0) return unit_q5(weights, row + unit * 22u, unit);
    if (QUANT == Q_Q5_1) return unit_q5(weights, row + unit * 24u, unit);
    const uint block = row + unit * 17u;  // MXFP4
    Unit w = nibble_unit(u128_at(weights, block + 1u), mxfp4_scale(u8_at(weights, block)), 0.0, unit);
    w.a = table_bytes(w.a, true), w.b = table_bytes(w.b, true);
    return w;
}

// Q4_K and Q5_K: 32 bytes hold 64 weights, the first 32 in low nibbles.
Unit unit_q4_q5_k(U32 weights, uint row, uint unit) {
    const bool five = QUANT == Q_Q5_K;
    const uint index = unit / kUnitsOf256, part = unit % kUnitsOf256, chunk = part >> 1, l = (part & 1u) * 16u;
    const uint block = row + index * (five ? 176u : 144u);
    const uvec4 head = head_at(weights, block);
    const uvec4 bytes = U32x4(weights).at[(block + (five ? 48u : 16u) + chunk * 32u + l) >> 4];
    const vec2 d = unpackHalf2x16(head.x);
    const vec2 first = d * k_scale_min(head.yzw, 2u * chunk), second = d * k_scale_min(head.yzw, 2u * chunk + 1u);
    const uint group = index * 16u + chunk * 4u + (part & 1u);
    Unit w = Unit(low_nibbles(bytes), high_nibbles(bytes), vec2(first.x, second.x), vec2(-first.y, -second.y), group,
                  group + 2u);
    if (five) {
        const uvec4 bits = U32x4(weights).at[(block + 16u + l) >> 4] >> (2u * chunk);
        w.a |= (bits & 0x01010101u) << 4;
        w.b |= ((bits >> 1) & 0x01010101u) << 4;
    }
    return w;
}

Unit unit_q6_k(U32 weights, uint row, uint unit) {
    const uint index = unit / kUnitsOf256, part = unit % kUnitsOf256;
    const uint half_block = part >> 2, quarter = (part >> 1) & 1u, l = (part & 1u) * 16u;
    const uint block = row + index * 210u, in_block = half_block * 8u + quarter * 2u + (part & 1u);
    const uvec4 bytes = u128_at(weights, block + half_block * 64u + quarter * 32u + l);
    const uvec4 bits = u128_at(weights, block + 128u + half_block * 32u + l) >> (2u * quarter);
    const vec2 scales = vec2(bitfieldExtract(int(u8_at(weights, block + 192u + in_block)), 0, 8),
                             bitfieldExtract(int(u8_at(weights, block + 196u + in_block)), 0, 8)) *
                        f16_at(weights, block + 208u);
    const uint group = index * 16u + in_block;
    return Unit(low_nibbles(bytes) | (bits & 0x03030303u) << 4, high_nibbles(bytes) | ((bits >> 4) & 0x03030303u) << 4,
                scales, -32.0 * scales, group, group + 4u);
}

// Q2_K and Q3_K: a byte holds two bits of four weights, 32 apart.
Unit unit_q2_q3_k(U32 weights, uint row, uint unit) {
    const bool three = QUANT == Q_Q3_K;
    const uint index = unit / kUnitsOf256, part = unit % kUnitsOf256;
    const uint half_block = part >> 2, pair = (part >> 1) & 1u, l = (part & 1u) * 16u;
    const uint block = row + index * (three ? 110u : 84u), in_block = half_block * 8u + pair * 4u + (part & 1u);
    const uvec4 bytes = u128_at(weights, block + (three ? 32u : 16u) + half_block * 32u + l) >> (4u * pair);
    Unit w;
    w.a = bytes & 0x03030303u;
    w.b = (bytes >> 2) & 0x03030303u;
    w.group_a = index * 16u + in_block;
    w.group_b = w.group_a + 2u;
    if (three) {
        const uvec4 bits = u128_at(weights, block + l) >> (4u * half_block + 2u * pair);
        w.a |= (bits & 0x01010101u) << 2;
        w.b |= ((bits >> 1) & 0x01010101u) << 2;
        w.scale = f16_at(weights, block + 108u) *
                  vec2(q3_k_scale(weights, block + 96u, in_block), q3_k_scale(weights, block + 96u, in_block + 2u));
        w.shift = -4.0 * w.scale;
        return w;
    }
    const uint first = u8_at(weights, block + in_block), second = u8_at(weights, block + in_block + 2u);
    w.scale = f16_at(weights, block + 80u) * vec2(first & 15u, second & 15u);
    w.shift = -f16_at(weights, block + 82u) * vec2(first >> 4, second >> 4);
    return w;
}

Unit unit_iq4_xs(U32 weights, uint row, uint unit) {
    const uint group = unit % kUnitsOf256, block = row + unit / kUnitsOf256 * 136u;
    const uint low = (u8_at(weights, block + 4u + (group >> 1)) >> (4u * (group & 1u))) & 15u;
    const uint high = (u16_at(weights, block + 2u) >> (2u * group)) & 3u;
    const float scale = f16_at(weights, block) * (float(low | high << 4) - 32.0);
    Unit w = nibble_unit(u128_at_word(weights, block + 8u + group * 16u), scale, 0.0, unit);
    w.a = table_bytes(w.a, false), w.b = table_bytes(w.b, false);
    return w;
}

// Number `unit` of the row that begins `row` bytes after `weights`.
Unit unit_at(U32 weights, uint row, uint unit) {
    if (QUANT == Q_Q4_K || QUANT == Q_Q5_K) return unit_q4_q5_k(weights, row, unit);
    if (QUANT == Q_Q6_K) return unit_q6_k(weights, row, unit);
    if (QUANT == Q_Q2_K || QUANT == Q_Q3_K) return unit_q2_q3_k(weights, row, unit);
    if (QUANT == Q_IQ4_XS) return unit_iq4_xs(weights, row, unit);
    return unit_of_32(weights, row, unit);
}

// Bytes of a row of `cols` weights.
uint row_bytes_of(uint cols) {
    if (QUANT == Q_Q4_K) return cols / 256u * 144u;
    if (QUANT == Q_Q5_K) return cols / 256u * 176u;
    if (QUANT == Q_Q6_K) return cols / 256u * 210u;
    if (QUANT == Q_Q2_K) return cols / 256u * 84u;
    if (QUANT == Q_Q3_K) return cols / 256u * 110u;
    if (QUANT == Q_IQ4_XS) return cols / 256u * 136u;
    const uint block = QUANT == Q_Q8_0                         ? 34u
                       : QUANT == Q_Q5_1                       ? 24u
                       : QUANT == Q_Q5_0                       ? 22u
                       : QUANT == Q_Q4_1                       ? 20u
                       : QUANT == Q_Q4_0 || QUANT == Q_IQ4_NL  ? 18u
                                                               : 17u;
    return cols / 32u * block;
}
