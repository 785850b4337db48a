// Packed activations, what products of block formats read: numbers of 16 bits that share a scale by sixteen, as two
// planes of signed bytes (256 * high + low), since devices multiply bytes four at a time. A row of `cols` elements:
// [cols / 16] uvec4 of high bytes, as many of low ones, as many pairs of scale and scale * sum: 5 bytes for 2 elements.
const float kPackedPeak = 32639.0;  // 127 * 256 + 127
const uint kPackedGroupBytes = 40;

// Sixteen elements of row `row`, number `group`.
void pack_group(U32x4 packed, uint row, uint group, uint cols, float values[16]) {
    float peak = 0.0;
    bool finite = true;
    [[unroll]] for (uint i = 0; i < 16; ++i) {
        peak = max(peak, abs(values[i]));
        finite = finite && (floatBitsToUint(values[i]) & 0x7FFFFFFFu) < 0x7F800000u;
    }
    const float inverse = finite && peak > 1e-30 ? kPackedPeak / peak : 0.0;
    const float scale = finite ? peak / kPackedPeak : uintBitsToFloat(0x7FC00000u);
    uvec4 high = uvec4(0), low = uvec4(0);
    int sum = 0;
    [[unroll]] for (uint i = 0; i < 16; ++i) {
        const int level = int(roundEven(values[i] * inverse));
        const int top = (level + 128) >> 8;
        high[i / 4] |= uint(top & 255) << (8u * (i & 3u));
        low[i / 4] |= uint((level - top * 256) & 255) << (8u * (i & 3u));
        sum += level;
    }
    const uint groups = cols / 16u, first = row * groups * kPackedGroupBytes;
    packed.at[first / 16u + group] = high;
    packed.at[first / 16u + groups + group] = low;
    F32x2(packed).at[first / 8u + 4u * groups + group] = vec2(scale, scale * float(sum));
}
