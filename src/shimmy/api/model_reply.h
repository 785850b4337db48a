// An answer that is computed at once from a model, after the model is there.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "shimmy/api/http_message.h"
#include "shimmy/service/service.h"

namespace shimmy {

// `work` runs once, on a worker; what it returns is the body (JSON) or an error in OpenAI's shape. Call it on
// a worker too.
using ModelWork = std::function<base::Result<std::string>(const LoadedModel& model)>;
std::unique_ptr<Reply> model_reply(Service& service, const std::string& model, ModelWork work);

}  // namespace shimmy
