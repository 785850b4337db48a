#include "airframe/model/forward.h"

#include <array>

namespace airframe {
namespace {

// norm(x) in `room`, or x itself where the family norms only behind (olmo2).
Rows normed(Backend& backend, const Rows& x, const Norm& norm, const Rows& room) {
    if (!norm) return x;
    backend.norm(x, norm, room);
    return room;
}

const Rope& layer_rope(const ModelSpec& spec, const Scratch& s, uint32_t layer) {
    static constexpr Rope kNone{};
    const uint32_t period = spec.rope.none_period;
    if (period > 0 && (layer + 1) % period == 0) return kNone;
    return spec.attn.window[layer] > 0 ? s.rope_local : s.rope;
}

MoeArgs moe_args(const ModelSpec& spec, const MoeWeights& w, const Rows& x, const Rows& residual) {
    return {.x = x,
            .router = w.router,
            .gate = w.gate,
            .up = w.up,
            .down = w.down,
            .shared_gate = w.shared_gate,
            .shared_up = w.shared_up,
            .shared_down = w.shared_down,
            .shared_router = w.shared_router,
            .n_experts = static_cast<int32_t>(spec.moe.n_experts),
            .n_active = static_cast<int32_t>(spec.moe.n_active),
            .gating = spec.moe.gating,
            .renormalize = spec.moe.renormalize,
            .scale = spec.moe.scale,
            .act = spec.ffn.act,
            .residual = residual};
}

// The first half of a layer. Gives the input of the second where both see the same.
Rows attend_layer(const PlacedModel& model, uint32_t i, const Stage& stage, const Batch& batch,
                  const KvLayer& kv) {
    const ModelSpec& spec = model.spec;
    const LayerWeights& layer = model.weights.layers[i];
    const Scratch& s = stage.scratch;
    Backend& be = *stage.backend;
    const Rows attn_in = normed(be, s.x, layer.attn_norm, s.attn_in);
    // Read before the residual changes: in a parallel block both halves see the same input.
    const Rows ffn_in =
        spec.parallel_residual && layer.ffn_norm ? normed(be, s.x, layer.ffn_norm, s.ffn_in) : attn_in;

    be.linear(attn_in, std::array{layer.q, layer.k, layer.v}, std::array{s.q, s.k, s.v});
    be.rope_store({.q = s.q,
                   .k = s.k,
                   .v = s.v,
                   .rope = layer_rope(spec, s, i),
                   .q_norm = layer.q_norm,
                   .k_norm = layer.k_norm,
                   .kv = kv,
                   .batch = &batch});
    be.attend({.q = s.q,
               .kv = kv,
               .n_heads = static_cast<int32_t>(spec.attn.n_heads),
               .scale = spec.attn.scale,
               .softcap = spec.attn.softcap,
               .window = static_cast<int32_t>(spec.attn.window[i]),
               .batch = &batch,
               .out = s.attn_out});
    be.linear_add(s.attn_out, layer.o, layer.attn_post_norm, spec.ends.residual_scale, s.x);
    return ffn_in;
}

void ffn_layer(const PlacedModel& model, uint32_t i, const Stage& stage, const Rows& input) {
    const ModelSpec& spec = model.spec;
    const LayerWeights& layer = model.weights.layers[i];
    const Scratch& s = stage.scratch;
    Backend& be = *stage.backend;
    if (layer.moe.router) {
        be.moe(moe_args(spec, layer.moe, input, s.x));
        return;
    }
    be.ffn_in({.x = input, .gate = layer.gate, .up = layer.up, .act = spec.ffn.act, .h = s.hidden});
    be.linear_add(s.hidden, layer.down, layer.ffn_post_norm, spec.ends.residual_scale, s.x);
}

}  // namespace

void forward(const PlacedModel& model, Stages& stages, const Batch& batch, const KvPool& pool) {
    const ModelSpec& spec = model.spec;
    const Weights& weights = model.weights;
    const Stage& first = stages.at(model.placement.embedding);
    first.backend->embed({.tokens = batch.tokens,
                          .positions = batch.positions,
                          .table = weights.embedding,
                          .positions_table = weights.positions,
                          .scale = spec.ends.embed_scale,
                          .x = first.scratch.x});
    for (uint32_t i = 0; i < spec.n_layers; ++i) {
        const Placement::Layer& place = model.placement.layers[i];
        const Rows parallel = attend_layer(model, i, stages.at(place.attn), batch, pool.layer(i));
        const Stage& stage = stages.at(place.ffn);
        const Scratch& s = stage.scratch;
        const Rows input = spec.parallel_residual
                               ? parallel
                               : normed(*stage.backend, s.x, weights.layers[i].ffn_norm, s.ffn_in);
        ffn_layer(model, i, stage, input);
    }
    if (batch.logit_rows.empty()) return;
    const Stage& last = stages.at(model.placement.head);
    last.backend->logits({.x = last.scratch.x,
                          .rows = batch.logit_rows,
                          .norm = weights.output_norm,
                          .head = weights.head,
                          .scale = spec.ends.logit_scale,
                          .softcap = spec.ends.logit_softcap,
                          .out = last.scratch.logits});
}

}  // namespace airframe
