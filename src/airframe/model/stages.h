// The way of a pass over the backends of a model: each has activations of its own, and the residual
// stream is brought to where the next layer is. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "airframe/backend/backend.h"

namespace airframe {

// The activations of one pass on one backend; buffers hold as many rows as the model's options allow.
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

struct Stage {
    Backend* backend = nullptr;
    Scratch scratch;
};

class Stages {
  public:
    // `hand`: room that grows to the most rows carried; it lives as long as this.
    Stages(std::span<const Stage> stages, std::vector<float>& hand) : stages_(stages), hand_(hand) {}

    // The stage with this number; the residual stream comes along, in rows * dim floats over host memory.
    const Stage& at(uint8_t number);

  private:
    std::span<const Stage> stages_;
    std::vector<float>& hand_;
    std::optional<uint8_t> where_;  // the residual stream is
};

}  // namespace airframe
