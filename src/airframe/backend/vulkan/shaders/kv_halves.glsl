// Vectors of the cache as short floats, for cooperative matrices. Their dimensions are multiples of 16.

uint kv_word_at(U8 cache, uint offset) {
    U32 words = U32(cache);
    const uint word = offset >> 2, shift = (offset & 3u) * 8u;
    return (words.at[word] >> shift) | ((words.at[word + 1u] << 1) << (31u - shift));
}

// Elements 8 i .. 8 i + 7 of the vector at byte `at`, with its scale.
uvec4 kv_eight_at(U8 cache, uint at, uint i) {
    if (KV_TYPE == 1u) return U32x4(cache).at[at / 16u + i];
    const float factor = kv_scale_at(cache, at);
    vec4 a, b;
    if (KV_TYPE == 2u) {
        const int low = int(kv_word_at(cache, at + 2u + 8u * i)), high = int(kv_word_at(cache, at + 6u + 8u * i));
        [[unroll]] for (int j = 0; j < 4; ++j) {
            a[j] = float(bitfieldExtract(low, 8 * j, 8));
            b[j] = float(bitfieldExtract(high, 8 * j, 8));
        }
    } else {
        const uint nibbles = kv_word_at(cache, at + 2u + 4u * i);
        [[unroll]] for (int j = 0; j < 4; ++j) {
            a[j] = float(bitfieldExtract(nibbles, 4 * j, 4)) - 8.0;
            b[j] = float(bitfieldExtract(nibbles, 4 * j + 16, 4)) - 8.0;
        }
    }
    a *= factor;
    b *= factor;
    return uvec4(packHalf2x16(a.xy), packHalf2x16(a.zw), packHalf2x16(b.xy), packHalf2x16(b.zw));
}
