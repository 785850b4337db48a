// From the body of a request to a running generation: what every endpoint that generates text shares.
#pragma once

#include <boost/json.hpp>

#include <memory>
#include <string_view>

#include "shimmy/api/handlers.h"
#include "shimmy/api/openai_common.h"
#include "shimmy/api/openai_encoder.h"
#include "shimmy/api/request_body.h"

namespace shimmy {

// A dialect's two halves, both pure.
struct CompletionKind {
    std::string_view id_prefix;
    base::Result<OpenAiCall> (*parse)(const boost::json::object& body);
    std::unique_ptr<Encoder> (*encoder)(OpenAiIdentity identity, const OpenAiCall& call);
    bool model_is_optional = false;  // without one: the server's default model
};

std::unique_ptr<Reply> complete(const CompletionKind& kind, ApiContext& context, const ApiRequest& request);

}  // namespace shimmy
