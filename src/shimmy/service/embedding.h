// Embedding: one request for vectors of texts, or for the ranking of texts by a query, from whatever dialect.
//
//   auto embedding = service.embed(std::move(call));
//   embedding->on_ready(wake);                                  // then, and after each wake:
//   if (auto answer = embedding->try_take()) { … }              // once
// Dropping the embedding cancels it, wherever it is: waiting for its model, queued, or being computed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "airframe/text/tokenizer.h"
#include "base/result.h"
#include "shimmy/service/registry.h"

namespace shimmy {

using TextOrIds = std::variant<std::string, std::vector<airframe::TokenId>>;

struct EmbedCall {
    std::string model;  // as the client wrote it
    std::vector<TextOrIds> texts;
    std::optional<std::string> query;    // rank the texts, none of which is ids, by how well they answer this
    std::optional<uint32_t> dimensions;  // vectors cut to so many numbers, and made as long as 1 again
    std::string_view field = "input";    // what errors call the texts; of static storage
};

struct EmbedAnswer {
    // In the order of the texts: vectors of length 1 or, with a query, raw scores (a single number each).
    std::vector<std::vector<float>> vectors;
    uint64_t tokens = 0;  // of all texts; with a query, of all pairs
};

class Embedding {
  public:
    virtual ~Embedding() = default;
    // Nothing until the answer is there; nothing again after it has been taken. Errors: those of the registry
    // and of airframe::Engine::embed; `param` names the text.
    virtual std::optional<base::Result<EmbedAnswer>> try_take() = 0;
    // `wake` is called from any thread, quickly to return. To be set once, before the first try_take.
    virtual void on_ready(std::function<void()> wake) = 0;
};

// `acquire` is Service::acquire for the call's model.
using AcquireModel = std::function<std::shared_ptr<ModelWait>(ModelWait::Ready ready)>;
std::unique_ptr<Embedding> start_embedding(EmbedCall call, const AcquireModel& acquire);

}  // namespace shimmy
