// LoneSequence: one sequence in pages of its own on a loaded model, step by step: what tools time and check.
// Serving goes through the engine. One thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "airframe/model/model.h"

namespace airframe {

class LoneSequence {
  public:
    // Room for `ctx_tokens` > 0. The model must outlive the sequence. Errors: kOutOfMemory.
    static base::Result<LoneSequence> create(Model& model, uint32_t ctx_tokens,
                                             KvType kv_type = KvType::kF16);

    // Runs the tokens after those already there and gives the logits [vocab] of the last one, valid until the
    // next call. REQUIRES: 1 <= tokens.size(), room for them, ids of the vocabulary. Errors: those of
    // Model::forward.
    base::Result<std::span<const float>> append(std::span<const int32_t> tokens);

    // The same in passes of at most `chunk_rows` tokens, with the logits of each: logits [tokens.size(),
    // vocab]. REQUIRES: chunk_rows within the model's options.
    base::Result<void> append(std::span<const int32_t> tokens, uint32_t chunk_rows, std::span<float> logits);

    void clear() { position_ = 0; }

  private:
    LoneSequence(Model& model, KvPool pool);

    // One pass; the logits of the last logits.size() / vocab tokens.
    base::Result<void> forward(std::span<const int32_t> tokens, std::span<float> logits);

    Model* model_;
    KvPool pool_;
    std::vector<int32_t> pages_;
    std::vector<int32_t> positions_;  // 0, 1, 2, …: also the numbers of rows
    std::vector<float> logits_;       // [vocab]
    size_t position_ = 0;
};

}  // namespace airframe
