#include "shimmy/app/model_loader.h"

#include <fmt/ranges.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

#include "airframe/text/chat_template.h"
#include "base/clock.h"
#include "base/log.h"
#include "shimmy/app/load_model.h"
#include "shimmy/app/models.h"
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

// A model's chat template, made when the first conversation comes: who only completes texts never hears of
// its faults.
class LazyChat {
  public:
    // The metadata and the tokenizer live as long as the model's engine, which outlives its renderer.
    LazyChat(const Metadata& metadata, const Tokenizer& tokenizer, std::string id)
        : metadata_(metadata), tokenizer_(tokenizer), id_(std::move(id)) {}

    base::Result<void> make(std::string_view chosen) {
        std::call_once(once_, [&] { made_ = ChatTemplate::create(metadata_, tokenizer_, chosen); });
        if (!made_) return std::unexpected(made_.error());
        if (!made_->warning().empty() && !warned_.test_and_set())
            base::log_warn("{}: {}", id_, made_->warning());
        return {};
    }

    base::Result<airframe::Rendered> render(const ChatInput& input) {
        TRY_VOID(make({}));
        return made_->render({.messages = input.messages,
                              .tools = input.tools,
                              .extra = input.template_args,
                              .add_generation_prompt = input.add_generation_prompt,
                              .now_seconds = airframe::local_seconds()});
    }

    base::Result<ChatTraits> traits() {
        TRY_VOID(make({}));
        return ChatTraits{made_->source(true), made_->abilities().tools};
    }

  private:
    const Metadata& metadata_;
    const Tokenizer& tokenizer_;
    const std::string id_;
    std::once_flag once_;
    std::atomic_flag warned_;
    base::Result<ChatTemplate> made_ = base::fail(base::ErrorCode::kInternal, "made by make()");
};

// Rows of logits beyond one for each stream: for guesses being checked and prompts being scored.
constexpr uint32_t kSpareLogitRows = 32;

struct LoaderOptions {
    std::string chat_template;
    ServingOptions serving;
};

// The bytes of keys and values and where they come from.
std::string kv_text(const Engine& engine) {
    const airframe::ModelSpec& spec = engine.spec();
    if (spec.encoder) return "none, it is an encoder";
    const airframe::KvType type = engine.kv_type();
    const auto& attn = spec.attn;
    const std::string vectors =
        attn.head_dim_k == attn.head_dim_v
            ? fmt::format("2 x {} bytes", airframe::kv_vector_bytes(type, attn.head_dim_k))
            : fmt::format("({} + {}) bytes", airframe::kv_vector_bytes(type, attn.head_dim_k),
                          airframe::kv_vector_bytes(type, attn.head_dim_v));
    return fmt::format("{} = {} layers x {} kv heads x {} tokens x {} ({}, head size {})",
                       format_bytes(engine.kv_bytes()), spec.n_layers, attn.n_kv_heads, engine.kv_tokens(),
                       vectors, airframe::kv_type_name(type), attn.head_dim_k);
}

std::string draft_text(const Engine& engine, const LoaderOptions& options) {
    const uint64_t bytes = engine.stats().draft_kv_bytes;
    if (bytes == 0) return "";
    return fmt::format("; {} guesses, with {} of its own for {} tokens", options.serving.draft_model,
                       format_bytes(bytes), engine.kv_tokens());
}

// The model that guesses for others; null when none is asked for.
base::Result<std::unique_ptr<airframe::Model>> load_draft(const GlobalOptions& global,
                                                          const LoaderOptions& options) {
    if (options.serving.draft_model.empty()) return nullptr;
    TRY(const ModelEntry entry, resolve_model(options.serving.draft_model, global));
    return load_model(entry, global,
                      {.batch_rows_max = options.serving.batch_tokens,
                       .logit_rows_max = options.serving.streams,
                       .on_progress = {}});
}

base::Result<std::unique_ptr<LoadedModel>> load_for_serving(const ModelEntry& entry,
                                                            const GlobalOptions& global,
                                                            const LoaderOptions& options, Progress progress) {
    const auto start = base::Clock::now();
    TRY(auto model, load_model(entry, global,
                               {.batch_rows_max = options.serving.batch_tokens,
                                .logit_rows_max = options.serving.streams + kSpareLogitRows,
                                .on_progress = std::move(progress)}));
    const Metadata& metadata = model->file().metadata();
    TRY(std::shared_ptr<const Tokenizer> tokenizer, Tokenizer::create(metadata));
    auto loaded = std::make_unique<LoadedModel>();
    loaded->id = entry.id;
    const auto chat = std::make_shared<LazyChat>(metadata, *tokenizer, entry.id);
    if (!options.chat_template.empty()) TRY_VOID(chat->make(options.chat_template));
    loaded->render_chat = [chat](const ChatInput& input) { return chat->render(input); };
    loaded->chat_traits = [chat] { return chat->traits(); };
    loaded->sampling = sampling_of(metadata);
    loaded->file_bytes = entry.bytes;
    TRY(auto draft, load_draft(global, options));
    TRY(loaded->engine, Engine::create(std::move(model), std::move(tokenizer),
                                       engine_options(options.serving, global), std::move(draft)));
    loaded->load_s = base::seconds_since(start);
    base::log_info("loaded {} in {:.0f} ms: {}, context {} tokens; keys and values: {}{}", entry.id,
                   loaded->load_s * 1e3, format_bytes(entry.bytes), loaded->engine->ctx_tokens(),
                   kv_text(*loaded->engine), draft_text(*loaded->engine, options));
    return loaded;
}

}  // namespace

ModelLoader make_model_loader(const GlobalOptions& global, std::string chat_template,
                              const ServingOptions& serving) {
    return {.check = [](const ModelEntry& entry) -> base::Result<void> {
                TRY(const GgufFile file, open_model(entry));
                TRY_VOID(airframe::derive_spec(file));
                return {};
            },
            .load =
                [global, options = LoaderOptions{std::move(chat_template), serving}](const ModelEntry& entry,
                                                                                     Progress progress) {
                    return load_for_serving(entry, global, options, std::move(progress));
                }};
}

void add_chat_template_option(CLI::App& command, std::string& chat_template) {
    command.add_option("--chat-template", chat_template,
                       fmt::format("Instead of the model's own: a Jinja file, or one of {}",
                                   fmt::join(airframe::builtin_chat_templates(), ", ")));
}

}  // namespace shimmy
