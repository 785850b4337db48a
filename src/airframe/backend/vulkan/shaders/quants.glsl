// Weights of any block format, eight at a time: decode8(). Which format is a specialisation constant, so that
// a driver compiles only its own branch. Blocks lie as in the file; docs/QUANTIZATION.md draws them. Reads may
// go up to 11 bytes beyond a matrix: the backend pads its buffers.
//
// QUANT: the type's number in the file. The including shader declares the constant, and `weights` (U32).

const uint Q_F32 = 0, Q_F16 = 1, Q_Q4_0 = 2, Q_Q4_1 = 3, Q_Q5_0 = 6, Q_Q5_1 = 7, Q_Q8_0 = 8, Q_Q2_K = 10, Q_Q3_K = 11,
           Q_Q4_K = 12, Q_Q5_K = 13, Q_Q6_K = 14, Q_IQ4_NL = 20, Q_IQ4_XS = 23, Q_BF16 = 30, Q_MXFP4 = 39;

const float kIq4Values[16] = float[16](-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
// Twice the values of E2M1; the exponent is one less in turn.
const float kMxfp4Values[16] = float[16](0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);

uint u8_at(U32 weights, uint offset) { return (weights.at[offset >> 2] >> ((offset & 3u) * 8u)) & 0xFFu; }
// offset: even
uint u16_at(U32 weights, uint offset) { return (weights.at[offset >> 2] >> ((offset & 2u) * 8u)) & 0xFFFFu; }
// The word that begins `shift` bits (0 to 24) after the first of two, without a branch.
uint joined(uint low, uint high, uint shift) { return (low >> shift) | ((high << 1) << (31u - shift)); }
// any offset
uint u32_at(U32 weights, uint offset) {
    const uint word = offset >> 2;
    return joined(weights.at[word], weights.at[word + 1u], (offset & 3u) * 8u);
}
uvec2 u64_at(U32 weights, uint offset) {
    const uint word = offset >> 2, shift = (offset & 3u) * 8u;
    const uint middle = weights.at[word + 1u];
    return uvec2(joined(weights.at[word], middle, shift), joined(middle, weights.at[word + 2u], shift));
}
float f16_at(U32 weights, uint offset) { return f32_from_f16(u16_at(weights, offset)); }

// The four bytes of a word, as numbers.
vec4 bytes_of(uint word) { return vec4(word & 0xFFu, (word >> 8) & 0xFFu, (word >> 16) & 0xFFu, word >> 24); }
vec4 signed_bytes_of(uint word) {
    return vec4(bitfieldExtract(int(word), 0, 8), bitfieldExtract(int(word), 8, 8), bitfieldExtract(int(word), 16, 8),
                bitfieldExtract(int(word), 24, 8));
}
// Bits first .. first + 3, each as 16: the fifth bit of a weight.
vec4 fifth_bits(uint bits, uint first) {
    return 16.0 * vec4((bits >> first) & 1u, (bits >> (first + 1u)) & 1u, (bits >> (first + 2u)) & 1u,
                       (bits >> (first + 3u)) & 1u);
}

struct Eight {
    vec4 a, b;
};

// Nibbles of 8 bytes at offset, low or high.
uvec2 nibbles(U32 weights, uint offset, uint high) {
    return (u64_at(weights, offset) >> (4u * high)) & 0x0F0F0F0Fu;
}

Eight table_values(uvec2 q, bool mxfp4) {
    Eight w;
    [[unroll]] for (uint i = 0; i < 4; ++i) {
        const uint first = (q.x >> (8u * i)) & 15u, second = (q.y >> (8u * i)) & 15u;
        w.a[i] = mxfp4 ? kMxfp4Values[first] : kIq4Values[first];
        w.b[i] = mxfp4 ? kMxfp4Values[second] : kIq4Values[second];
    }
    return w;
}

Eight scaled(Eight w, float scale, float shift) { return Eight(w.a * scale + shift, w.b * scale + shift); }
Eight of_bytes(uvec2 q) { return Eight(bytes_of(q.x), bytes_of(q.y)); }

// 2^(exponent - 128): half of the block's scale, for values that are doubled.
float mxfp4_scale(uint exponent) {
    if (exponent == 255u) return uintBitsToFloat(0x7FC00000u);
    return exponent < 2u ? uintBitsToFloat(0x00200000u << exponent) : uintBitsToFloat((exponent - 1u) << 23);
}

// Scale and min (6 bits each) of group g of Q4_K and Q5_K, from their 12 bytes.
vec2 k_scale_min(uvec3 packed, uint g) {
    const uint shift = 8u * (g & 3u);
    if (g < 4u) return vec2((packed.x >> shift) & 63u, (packed.y >> shift) & 63u);
    const uint low = packed.z >> shift;
    return vec2((low & 15u) | ((packed.x >> (shift + 6u)) & 3u) << 4, ((low >> 4) & 15u) | ((packed.y >> (shift + 6u)) & 3u) << 4);
}

// The first 16 bytes of a block of Q4_K or Q5_K: d and dmin, then the scales. Their blocks are multiples of 16 long,
// and so the backend's matrices begin at one.
uvec4 head_at(U32 weights, uint block) { return U32x4(weights).at[block >> 4]; }

float q3_k_scale(U32 weights, uint offset, uint g) {
    const uint byte = u8_at(weights, offset + (g & 7u));
    const uint low = g < 8u ? byte & 15u : byte >> 4;
    const uint high = (u8_at(weights, offset + 8u + (g & 3u)) >> (2u * (g >> 2))) & 3u;
    return float(low | high << 4) - 32.0;
}

// Plain floats: the row may end within the eight; what lies beyond is 0.
Eight decode_floats(U32 weights, uint row, uint k, uint cols) {
    Eight w = Eight(vec4(0), vec4(0));
    [[unroll]] for (uint i = 0; i < 8; ++i) {
        if (k + i >= cols) break;
        const uint at = row + (k + i) * (QUANT == Q_F32 ? 4u : 2u);
        const float value = QUANT == Q_F32   ? uintBitsToFloat(u32_at(weights, at))
                            : QUANT == Q_F16 ? f16_at(weights, at)
                                             : uintBitsToFloat(u16_at(weights, at) << 16);
        if (i < 4) w.a[i] = value;
        else w.b[i - 4] = value;
    }
    return w;
}

// Blocks of 32: weights 0-15 in low nibbles, 16-31 in high ones.
Eight decode_of_32(U32 weights, uint row, uint k) {
    const uint j = k & 31u, high = j >> 4, index = k >> 5;
    if (QUANT == Q_Q8_0) {
        const uint block = row + index * 34u;
        const uvec2 q = u64_at(weights, block + 2u + j);
        return scaled(Eight(signed_bytes_of(q.x), signed_bytes_of(q.y)), f16_at(weights, block), 0.0);
    }
    if (QUANT == Q_Q4_0) {
        const uint block = row + index * 18u;
        const float d = f16_at(weights, block);
        return scaled(of_bytes(nibbles(weights, block + 2u + (j & 15u), high)), d, -8.0 * d);
    }
    if (QUANT == Q_Q4_1) {
        const uint block = row + index * 20u;
        return scaled(of_bytes(nibbles(weights, block + 4u + (j & 15u), high)), f16_at(weights, block),
                      f16_at(weights, block + 2u));
    }
    if (QUANT == Q_Q5_0 || QUANT == Q_Q5_1) {
        const bool shifted = QUANT == Q_Q5_1;
        const uint block = row + index * (shifted ? 24u : 22u), head = shifted ? 4u : 2u;
        const float d = f16_at(weights, block), m = shifted ? f16_at(weights, block + 2u) : -16.0 * d;
        const uint bits = u32_at(weights, block + head);
        Eight w = of_bytes(nibbles(weights, block + head + 4u + (j & 15u), high));
        w.a += fifth_bits(bits, j);
        w.b += fifth_bits(bits, j + 4u);
        return scaled(w, d, m);
    }
    if (QUANT == Q_IQ4_NL) {
        const uint block = row + index * 18u;
        return scaled(table_values(nibbles(weights, block + 2u + (j & 15u), high), false), f16_at(weights, block), 0.0);
    }
    const uint block = row + index * 17u;  // MXFP4
    return scaled(table_values(nibbles(weights, block + 1u + (j & 15u), high), true),
                  mxfp4_scale(u8_at(weights, block)), 0.0);
}

// Blocks of 256.
Eight decode_of_256(U32 weights, uint row, uint k) {
    const uint j = k & 255u, l = k & 31u, index = k >> 8, half_block = j >> 7, quarter = (j >> 5) & 3u;
    if (QUANT == Q_Q4_K || QUANT == Q_Q5_K) {
        const bool five = QUANT == Q_Q5_K;
        const uint block = row + index * (five ? 176u : 144u);
        const uvec4 head = head_at(weights, block);
        const vec2 scale_min = unpackHalf2x16(head.x) * k_scale_min(head.yzw, j >> 5);
        Eight w = of_bytes(nibbles(weights, block + (five ? 48u : 16u) + (j >> 6) * 32u + l, (j >> 5) & 1u));
        if (five) {
            const uvec2 bits = (u64_at(weights, block + 16u + l) >> (j >> 5)) & 0x01010101u;
            w.a += 16.0 * bytes_of(bits.x);
            w.b += 16.0 * bytes_of(bits.y);
        }
        return scaled(w, scale_min.x, -scale_min.y);
    }
    if (QUANT == Q_Q6_K) {
        const uint block = row + index * 210u;
        const uvec2 low = nibbles(weights, block + half_block * 64u + (quarter & 1u) * 32u + l, quarter >> 1);
        const uvec2 high = (u64_at(weights, block + 128u + half_block * 32u + l) >> (2u * quarter)) & 0x03030303u;
        const float scale = f16_at(weights, block + 208u) *
                            float(bitfieldExtract(int(u8_at(weights, block + 192u + (j >> 4))), 0, 8));
        return scaled(of_bytes(low | high << 4), scale, -32.0 * scale);
    }
    if (QUANT == Q_Q2_K) {
        const uint block = row + index * 84u;
        const uint group = u8_at(weights, block + (j >> 4));
        const uvec2 q = (u64_at(weights, block + 16u + half_block * 32u + l) >> (2u * quarter)) & 0x03030303u;
        return scaled(of_bytes(q), f16_at(weights, block + 80u) * float(group & 15u),
                      -f16_at(weights, block + 82u) * float(group >> 4));
    }
    if (QUANT == Q_Q3_K) {
        const uint block = row + index * 110u;
        const uvec2 low = (u64_at(weights, block + 32u + half_block * 32u + l) >> (2u * quarter)) & 0x03030303u;
        const uvec2 high = (u64_at(weights, block + l) >> (4u * half_block + quarter)) & 0x01010101u;
        const float scale = f16_at(weights, block + 108u) * q3_k_scale(weights, block + 96u, j >> 4);
        return scaled(of_bytes(low | high << 2), scale, -4.0 * scale);
    }
    const uint block = row + index * 136u, group = j >> 5;  // IQ4_XS
    const uint low = (u8_at(weights, block + 4u + (group >> 1)) >> (4u * (group & 1u))) & 15u;
    const uint high = (u16_at(weights, block + 2u) >> (2u * group)) & 3u;
    const float scale = f16_at(weights, block) * (float(low | high << 4) - 32.0);
    return scaled(table_values(nibbles(weights, block + 8u + group * 16u + (l & 15u), l >> 4), false), scale, 0.0);
}

// Weights k .. k + 7 (k: a multiple of 8) of the row of `cols` weights that begins `row` bytes after `weights`.
Eight decode8(U32 weights, uint row, uint k, uint cols) {
    if (QUANT == Q_F32 || QUANT == Q_F16 || QUANT == Q_BF16) return decode_floats(weights, row, k, cols);
    if (QUANT == Q_Q2_K || QUANT == Q_Q3_K || QUANT == Q_Q4_K || QUANT == Q_Q5_K || QUANT == Q_Q6_K || QUANT == Q_IQ4_XS)
        return decode_of_256(weights, row, k);
    return decode_of_32(weights, row, k);
}
