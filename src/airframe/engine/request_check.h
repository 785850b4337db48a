// What a request must look like to be taken, and what its sender is told otherwise. Pure functions.
#pragma once

#include "airframe/engine/engine.h"
#include "base/result.h"

namespace airframe {

// Errors: kInvalidArgument, `param` naming the field as OpenAI clients know it; kContextLength with both
// numbers.
base::Result<void> check_request(const EngineRequest& request, uint32_t vocab, uint32_t ctx_tokens);

// 9412 -> "9,412"
std::string grouped(uint64_t number);

}  // namespace airframe
