// Harmony, the format of gpt-oss: every message names its channel, and its recipient when it is a call.
//   <|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final<|message|>…
// Format: https://cookbook.openai.com/articles/openai-harmony
#pragma once

#include <memory>

#include "shimmy/service/chat_output.h"

namespace shimmy {

std::unique_ptr<ChatOutput> make_channel_output(ChatOutputOptions options);

}  // namespace shimmy
