#include "shimmy/app/model_loader.h"

#include <memory>
#include <utility>

#include "airframe/text/chat_template.h"
#include "base/clock.h"
#include "base/log.h"
#include "shimmy/app/load_model.h"
#include "shimmy/app/terminal.h"

namespace shimmy {

using airframe::ChatTemplate;
using airframe::Engine;
using airframe::GgufFile;
using airframe::Metadata;
using airframe::SamplingParams;
using airframe::Tokenizer;

namespace {

using Progress = std::function<void(double)>;

template <class T>
void take_float(const Metadata& metadata, std::string_view key, T& value) {
    if (const auto found = metadata.get_float(key); found && *found) value = static_cast<T>(**found);
}

// What the file's makers recommend, over the engine's own defaults.
SamplingParams sampling_of(const Metadata& metadata) {
    SamplingParams sampling;
    take_float(metadata, "general.sampling.temp", sampling.temperature);
    take_float(metadata, "general.sampling.top_k", sampling.top_k);
    take_float(metadata, "general.sampling.top_p", sampling.top_p);
    take_float(metadata, "general.sampling.min_p", sampling.min_p);
    take_float(metadata, "general.sampling.penalty_repeat", sampling.repeat_penalty);
    return sampling;
}

using Render = std::function<base::Result<airframe::Rendered>(const ChatInput&)>;

// A template that cannot be read leaves the model usable for plain prompts; chat requests then get the
// reason.
Render chat_renderer(const Metadata& metadata, const Tokenizer& tokenizer, const std::string& id) {
    auto made = ChatTemplate::create(metadata, tokenizer);
    if (!made) {
        base::log_warn("{}: {}", id, made.error().message);
        return [error = std::move(made).error()](const ChatInput&) -> base::Result<airframe::Rendered> {
            return std::unexpected(error);
        };
    }
    const auto chat = std::make_shared<const ChatTemplate>(*std::move(made));
    if (!chat->warning().empty()) base::log_warn("{}: {}", id, chat->warning());
    return [chat](const ChatInput& input) {
        return chat->render({.messages = input.messages,
                             .tools = input.tools,
                             .extra = input.template_args,
                             .add_generation_prompt = input.add_generation_prompt,
                             .now_seconds = airframe::local_seconds()});
    };
}

base::Result<std::unique_ptr<LoadedModel>> load_for_serving(const ModelEntry& entry,
                                                            const GlobalOptions& global, Progress progress) {
    const auto start = base::Clock::now();
    TRY(auto model, load_model(entry, global, {.on_progress = std::move(progress)}));
    const Metadata& metadata = model->file().metadata();
    TRY(std::shared_ptr<const Tokenizer> tokenizer, Tokenizer::create(metadata));
    auto loaded = std::make_unique<LoadedModel>();
    loaded->id = entry.id;
    loaded->render_chat = chat_renderer(metadata, *tokenizer, entry.id);
    loaded->sampling = sampling_of(metadata);
    loaded->file_bytes = entry.bytes;
    TRY(loaded->engine,
        Engine::create(std::move(model), std::move(tokenizer), {.ctx_tokens = global.ctx_tokens}));
    loaded->load_s = base::seconds_since(start);
    base::log_info("loaded {} in {:.0f} ms: {}, context {} tokens, {} for keys and values", entry.id,
                   loaded->load_s * 1e3, format_bytes(entry.bytes), loaded->engine->ctx_tokens(),
                   format_bytes(loaded->engine->kv_bytes()));
    return loaded;
}

}  // namespace

ModelLoader make_model_loader(const GlobalOptions& global) {
    return {
        .check = [](const ModelEntry& entry) -> base::Result<void> {
            TRY(const GgufFile file, open_model(entry));
            TRY_VOID(airframe::derive_spec(file));
            return {};
        },
        .load = [global](const ModelEntry& entry,
                         Progress progress) { return load_for_serving(entry, global, std::move(progress)); }};
}

}  // namespace shimmy
