// What both shaders of prompts' attention share. A tile of TILE_ROWS vectors: consecutive rows of one page table times
// HEADS heads that look at the same keys, heads innermost. Positions may be any that do not fall from row to row.
// The including shader declares KV_TYPE, DIM_K, DIM_V, HEADS, PAGE_TOKENS, and TILE_ROWS.
#include "kv.glsl"

layout(push_constant) uniform Args {
    F32 q;  // [rows, n_heads, DIM_K]
    F32 y;  // [rows, n_heads, DIM_V]
    U32 table;
    U8 keys;
    U8 values;
    uint first_row;  // of those that one dispatch takes
    uint n_rows;
    uint n_heads;
    uint n_kv_heads;
    uint window;  // 0: all earlier positions
    float scale;
    float softcap;
};

const float kNoPeak = -3.0e38;
const uint kTokens = TILE_ROWS / HEADS;

uint tile_token, tile_tokens;  // the first row of this tile, and how many it has
uint pages, kv_head, head_first;

void find_tile() {
    // The last tiles look at most positions: they come first.
    const uint tile = gl_NumWorkGroups.y - 1u - gl_WorkGroupID.y;
    tile_token = first_row + tile * kTokens;
    tile_tokens = min(kTokens, n_rows - tile * kTokens);
    pages = table.at[2u * first_row + 1u];
    head_first = gl_WorkGroupID.x * HEADS;
    kv_head = head_first / (n_heads / n_kv_heads);
}

bool has_vector(uint r) { return r / HEADS < tile_tokens; }
uint vector_of(uint r) { return (tile_token + r / HEADS) * n_heads + head_first + r % HEADS; }

uint window_begin(uint position) { return window > 0u && position >= window ? position - window + 1u : 0u; }
// Positions that a vector of the tile looks at: x .. y - 1; none beyond the tile's end.
uvec2 range_of(uint r) {
    if (!has_vector(r)) return uvec2(0);
    const uint position = table.at[2u * (tile_token + r / HEADS)];
    return uvec2(window_begin(position), position + 1u);
}
// Those that any does.
uvec2 range_of_tile() { return uvec2(range_of(0).x, range_of((tile_tokens - 1u) * HEADS).y); }

float score_of(float product, float factor) {
    const float score = product * factor;
    return softcap > 0.0 ? softcap * tanh_safe(score / softcap) : score;
}

uint place_of(uint position, uint dim) {
    return kv_place(table, pages, position, kv_head, uvec2(n_kv_heads, PAGE_TOKENS), dim);
}
