// LoadedModel: a model in memory with everything that a request needs of it. Immutable once loaded; any
// thread.
#pragma once

#include <boost/json.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "airframe/engine/engine.h"
#include "airframe/text/jinja.h"
#include "base/result.h"
#include "shimmy/service/constraint_cache.h"
#include "shimmy/store/catalog.h"

namespace shimmy {

// Which tools an answer may or must call.
struct ToolChoice {
    enum class Mode : uint8_t { kAuto, kRequired };
    Mode mode = Mode::kAuto;
    bool parallel = true;  // several calls in one answer
};

// What a chat template may see, and how the answer is to be read.
struct ChatInput {
    boost::json::array messages;        // OpenAI's form, `developer` already `system`
    boost::json::array tools;           // empty: none
    boost::json::object template_args;  // further variables for the template
    bool add_generation_prompt = true;
    ToolChoice tool_choice;
    bool split_reasoning = true;  // thoughts apart from the text; else they are a part of it
};

// What a model's chat template tells about the way its answers are written.
struct ChatTraits {
    std::string source;  // of the template that shows tools, where there is one of its own for them
    bool shows_tools = false;
};

struct LoadedModel {
    std::string id;
    std::unique_ptr<airframe::Engine> engine;
    // Empty: the model has no chat template. Errors: kInvalidArgument with the template's own words.
    std::function<base::Result<airframe::Rendered>(const ChatInput&)> render_chat;
    // Empty where render_chat is.
    std::function<base::Result<ChatTraits>()> chat_traits;
    airframe::SamplingParams
        sampling;  // for requests that leave a value out: the file's own, else the engine's
    uint64_t file_bytes = 0;
    double load_s = 0;
    mutable ConstraintCache constraints;  // of its latest requests
};

// How models come into memory.
struct ModelLoader {
    // Cheap: may this file be loaded at all? Asked before another model is unloaded for it.
    std::function<base::Result<void>(const ModelEntry&)> check;
    // Blocks for as long as loading takes. `progress` gets 0 to 1 and may be called often.
    std::function<base::Result<std::unique_ptr<LoadedModel>>(const ModelEntry&,
                                                             std::function<void(double)> progress)>
        load;
};

}  // namespace shimmy
