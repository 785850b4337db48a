#include <algorithm>
#include <array>
#include <vector>

#include "airframe/model/forward.h"

namespace airframe {
namespace {

// Adds each row's segment vector. Once per pass, so the way over host memory does not matter.
void add_token_types(Backend& backend, std::span<const float> token_types, std::span<const uint8_t> segments,
                     const Rows& x) {
    if (token_types.empty()) return;
    const auto dim = static_cast<size_t>(x.cols);
    const size_t last = token_types.size() / dim - 1;  // a model without pairs has one segment only
    std::vector<float> rows(static_cast<size_t>(x.rows) * dim);
    backend.read(*x.buffer, 0, std::as_writable_bytes(std::span(rows)));
    for (size_t i = 0; i < rows.size(); ++i) {
        const size_t segment = segments.empty() ? 0 : std::min<size_t>(segments[i / dim], last);
        rows[i] += token_types[segment * dim + i % dim];
    }
    backend.write(*x.buffer, 0, std::as_bytes(std::span(rows)));
}

// Attention is causal by the place of a row: as the last one of its text, each row sees all of it.
std::vector<BatchSlice> everyone_last(const Batch& batch) {
    std::vector<BatchSlice> slices;
    slices.reserve(batch.tokens.size());
    for (const BatchSlice& text : batch.slices)
        for (int32_t row = 0; row < text.n_rows; ++row)
            slices.push_back({.first_row = text.first_row + row,
                              .n_rows = 1,
                              .kv_tokens = text.n_rows - 1,
                              .pages = text.pages});
    return slices;
}

}  // namespace

void forward_encoder(const PlacedModel& model, Stages& stages, const Batch& batch, const KvPool& pool) {
    const ModelSpec& spec = model.spec;
    const Weights& weights = model.weights;
    const std::vector<BatchSlice> slices = everyone_last(batch);
    Batch seeing_all = batch;
    seeing_all.slices = slices;
    const Stage& first = stages.at(model.placement.embedding);
    const Rows& x = first.scratch.x;
    first.backend->embed({.tokens = batch.tokens,
                          .positions = batch.positions,
                          .table = weights.embedding,
                          .positions_table = weights.positions,
                          .scale = spec.ends.embed_scale,
                          .x = x});
    add_token_types(*first.backend, weights.token_types, batch.segments, x);
    first.backend->norm(x, weights.embedding_norm, x);
    for (uint32_t i = 0; i < spec.n_layers; ++i) {
        const LayerWeights& layer = weights.layers[i];
        const KvLayer& kv = pool.layer(i);
        const Stage& stage = stages.at(model.placement.layers[i].attn);
        Backend& be = *stage.backend;
        const Scratch& s = stage.scratch;
        be.linear(s.x, std::array{layer.q, layer.k, layer.v}, std::array{s.q, s.k, s.v});
        be.rope_store({.q = s.q,
                       .k = s.k,
                       .v = s.v,
                       .rope = s.rope,
                       .q_norm = layer.q_norm,
                       .k_norm = layer.k_norm,
                       .kv = kv,
                       .batch = &batch});
        be.attend({.q = s.q,
                   .kv = kv,
                   .n_heads = static_cast<int32_t>(spec.attn.n_heads),
                   .scale = spec.attn.scale,
                   .softcap = spec.attn.softcap,
                   .window = 0,
                   .batch = &seeing_all,
                   .out = s.attn_out});
        be.linear_add(s.attn_out, layer.o, {}, 1, s.x);
        be.norm(s.x, layer.attn_post_norm, s.x);
        be.ffn_in({.x = s.x, .gate = layer.gate, .up = layer.up, .act = spec.ffn.act, .h = s.hidden});
        be.linear_add(s.hidden, layer.down, {}, 1, s.x);
        be.norm(s.x, layer.ffn_post_norm, s.x);
    }
}

}  // namespace airframe
