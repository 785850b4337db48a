// The forward pass: about eight fused steps per layer over the Backend's operations. The same for every
// family.
#pragma once

#include "airframe/backend/backend.h"
#include "airframe/model/kv_pool.h"
#include "airframe/model/spec.h"
#include "airframe/model/weights.h"

namespace airframe {

// The activations of one pass; buffers hold as many rows as the model's options allow.
struct Scratch {
    Rows x;                 // [rows, dim] the residual stream
    Rows attn_in;           // [rows, dim]
    Rows ffn_in;            // [rows, dim]
    Rows q, k, v;           // [rows, heads * head_dim]
    Rows attn_out;          // [rows, n_heads * head_dim_v]
    Rows hidden;            // [rows, ffn_dim]
    Rows logits;            // [logit rows, vocab]
    Rope rope, rope_local;  // angles of the batch's rows
};

// Enqueues everything; the caller reads scratch.logits. REQUIRES: scratch rows == batch rows, angles written.
void forward(const ModelSpec& spec, const Weights& weights, Backend& backend, const Batch& batch,
             const KvPool& pool, const Scratch& scratch);

// The same for encoders (Devlin et al. 2018): each position sees the whole text, norms come behind the
// residual sums. Leaves the last layer's output in scratch.x. REQUIRES: slices are whole texts.
void forward_encoder(const ModelSpec& spec, const Weights& weights, Backend& backend, const Batch& batch,
                     const KvPool& pool, const Scratch& scratch);

}  // namespace airframe
