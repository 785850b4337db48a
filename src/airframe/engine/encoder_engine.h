// The engine of an encoder: embeddings and nothing else, on a thread of its own and without a KV cache.
#pragma once

#include <memory>

#include "airframe/engine/engine.h"

namespace airframe {

// REQUIRES: the model is an encoder; options checked.
std::unique_ptr<Engine> make_encoder_engine(std::unique_ptr<Model> model,
                                            std::shared_ptr<const Tokenizer> tokenizer,
                                            const EngineOptions& options);

// The longest text it will take, in tokens.
size_t encoder_ctx_tokens(const Model& model, const EngineOptions& options);

}  // namespace airframe
