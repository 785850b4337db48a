// The paged cache of keys and values. KV_TYPE: 0 f32, 1 f16, 2 q8, 3 int4 (backend/kv_type.h draws them).
// Where a row of the batch stands: table [rows, 2] of position and place of its page table, then the pages.

uint kv_vector_bytes(uint dim) {
    return KV_TYPE == 0u ? 4u * dim : KV_TYPE == 1u ? 2u * dim : KV_TYPE == 2u ? 2u + dim : 2u + (dim + 1u) / 2u;
}

// Byte of the vector of a position for one head.
uint kv_place(U32 table, uint pages, uint position, uint head, uvec2 heads_and_page_tokens, uint dim) {
    const uint page_tokens = heads_and_page_tokens.y;
    const uint page = table.at[pages + position / page_tokens];
    return ((page * heads_and_page_tokens.x + head) * page_tokens + position % page_tokens) * kv_vector_bytes(dim);
}

float kv_scale_at(U8 cache, uint at) {
    return f32_from_f16(uint(cache.at[at]) | uint(cache.at[at + 1u]) << 8);
}

// Elements i and i + 1 (i even) of the vector at byte `at`, without its scale; what lies beyond dim is 0.
vec2 kv_pair_at(U8 cache, uint at, uint i, uint dim) {
    const bool both = i + 1u < dim;
    if (KV_TYPE == 0u) {
        F32 floats = F32(cache);
        return vec2(floats.at[at / 4u + i], both ? floats.at[at / 4u + i + 1u] : 0.0);
    }
    if (KV_TYPE == 1u) {
        if ((dim & 1u) == 0u) return unpackHalf2x16(U32(cache).at[(at / 2u + i) / 2u]);
        U16 halves = U16(cache);
        const uint high = both ? uint(halves.at[at / 2u + i + 1u]) : 0u;
        return unpackHalf2x16(uint(halves.at[at / 2u + i]) | high << 16);
    }
    if (KV_TYPE == 2u) {
        const int high = both ? bitfieldExtract(int(uint(cache.at[at + 3u + i])), 0, 8) : 0;
        return vec2(bitfieldExtract(int(uint(cache.at[at + 2u + i])), 0, 8), high);
    }
    const uint nibbles = uint(cache.at[at + 2u + i / 2u]);
    return vec2(float(nibbles & 15u) - 8.0, both ? float(nibbles >> 4) - 8.0 : 0.0);
}
