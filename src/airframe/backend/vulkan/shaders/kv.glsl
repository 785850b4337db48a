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
