// Texts as OpenAI's clients send them: as `prompt` of completions, as `input` of embeddings.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "shimmy/api/json_read.h"
#include "shimmy/service/embedding.h"

namespace shimmy {

// A string, token ids, or an array of either; at least one. `advice` says what to send. Errors:
// kInvalidArgument with the JSON path.
base::Result<std::vector<TextOrIds>> parse_texts(const Fields& fields, std::string_view key,
                                                 std::string_view advice);

}  // namespace shimmy
