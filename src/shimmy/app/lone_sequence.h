// LoneSequence: one sequence in pages of its own on a loaded model, step by step, without an engine: what
// `bench` times. One thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "airframe/model/model.h"

namespace shimmy {

class LoneSequence {
  public:
    // Room for `ctx_tokens`. The model must outlive the sequence. Errors: kOutOfMemory.
    static base::Result<LoneSequence> create(airframe::Model& model, uint32_t ctx_tokens);

    // Runs the tokens after those already there and gives the logits [vocab] of the last one, valid until the
    // next call. REQUIRES: 1 <= tokens.size(), room for them, ids of the vocabulary.
    std::span<const float> append(std::span<const int32_t> tokens);

    void clear() { position_ = 0; }

  private:
    LoneSequence(airframe::Model& model, airframe::KvPool pool);

    airframe::Model* model_;
    airframe::KvPool pool_;
    std::vector<int32_t> pages_;
    std::vector<int32_t> positions_;
    std::vector<float> logits_;  // [vocab]
    size_t position_ = 0;
};

}  // namespace shimmy
