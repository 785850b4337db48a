// The answer to a request for embeddings, written piece by piece: it may be many megabytes.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "shimmy/api/http_message.h"
#include "shimmy/service/embedding.h"

namespace shimmy {

// Appends the next piece of the body (JSON), about kPumpBytes; false when it was the last.
using EncodePiece = std::move_only_function<bool(const EmbedAnswer& answer, std::string& out)>;

// Errors come in OpenAI's shape.
std::unique_ptr<Reply> embedding_reply(std::unique_ptr<Embedding> embedding, EncodePiece encode);

}  // namespace shimmy
