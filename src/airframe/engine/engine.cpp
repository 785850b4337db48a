// Engine: a model, its KV pool and the loop that serves them.
#include "airframe/engine/engine.h"

#include <algorithm>
#include <utility>

#include "airframe/engine/encoder_engine.h"
#include "airframe/engine/engine_loop.h"
#include "airframe/engine/kv_plan.h"
#include "airframe/engine/prefix_store.h"
#include "base/log.h"

namespace airframe {
namespace {

class ModelEngine final : public Engine {
  public:
    ModelEngine(std::unique_ptr<Model> model, std::shared_ptr<const Tokenizer> tokenizer, KvPool pool,
                const KvPlan& plan, const EngineOptions& options)
        : model_(std::move(model)),
          tokenizer_(std::move(tokenizer)),
          pool_(std::move(pool)),
          ctx_tokens_(plan.ctx_tokens),
          pooling_(options.pooling),
          store_(make_store(plan, options)),
          embedder_(*model_),
          loop_({.forward = [this](const Batch& batch,
                                   std::span<float> logits) { model_->forward(batch, pool_, logits); },
                 .embed = embed_parts(embedder_),
                 .on_begin =
                     [this](PagePool& pages) {
                         if (store_) store_->restore(pages);
                     },
                 .on_end =
                     [this](PagePool& pages) {
                         if (store_) store_->save(pages);
                     },
                 .tokenizer = tokenizer_,
                 .vocab = model_->spec().vocab,
                 .ctx_tokens = plan.ctx_tokens,
                 .n_pages = plan.n_pages,
                 .page_tokens = kPageTokens,
                 .logit_rows = model_->options().logit_rows_max,
                 .options = options}) {}

    base::Result<std::unique_ptr<EventStream>> submit(EngineRequest request) override {
        return loop_.submit(std::move(request));
    }
    base::Result<void> embed(EmbedRequest request) override {
        TRY(const Pooling pooling, check_embed(request, spec(), pooling_, ctx_tokens_));
        return loop_.embed(std::move(request), pooling);
    }
    const ModelSpec& spec() const override { return model_->spec(); }
    const Tokenizer& tokenizer() const override { return *tokenizer_; }
    uint32_t ctx_tokens() const override { return ctx_tokens_; }
    uint32_t kv_tokens() const override {
        return static_cast<uint32_t>(pool_.options().n_pages * kPageTokens);
    }
    KvType kv_type() const override { return pool_.options().type; }
    uint64_t kv_bytes() const override { return pool_.bytes(); }
    EngineStats stats() const override { return loop_.stats(); }

  private:
    std::unique_ptr<PrefixStore> make_store(const KvPlan& plan, const EngineOptions& options) {
        if (options.cache_dir.empty()) return nullptr;
        return std::make_unique<PrefixStore>(PrefixStoreOptions{.dir = options.cache_dir,
                                                                .bytes_max = options.cache_dir_bytes,
                                                                .ctx_tokens = plan.ctx_tokens},
                                             *model_, model_->backend(), pool_);
    }

    const std::unique_ptr<Model> model_;
    const std::shared_ptr<const Tokenizer> tokenizer_;
    KvPool pool_;
    const uint32_t ctx_tokens_;
    const std::optional<Pooling> pooling_;
    std::unique_ptr<PrefixStore> store_;  // null: nothing is kept between runs
    Embedder embedder_;
    EngineLoop loop_;  // last: its thread uses model and pool
};

base::Result<void> check_options(const EngineOptions& options) {
    const std::pair<const char*, uint32_t> counts[] = {{"batch_tokens", options.batch_tokens},
                                                       {"max_sequences", options.max_sequences},
                                                       {"queue", options.queue},
                                                       {"event_queue", options.event_queue}};
    for (const auto& [name, value] : counts) {
        if (value >= 1) continue;
        auto error = base::fail(base::ErrorCode::kInvalidArgument, "{} is 0; it must be at least 1.", name);
        error.error().param = name;
        return error;
    }
    return {};
}

}  // namespace

base::Result<std::unique_ptr<Engine>> Engine::create(std::unique_ptr<Model> model,
                                                     std::shared_ptr<const Tokenizer> tokenizer,
                                                     const EngineOptions& options) {
    TRY_VOID(check_options(options));
    const ModelSpec& spec = model->spec();
    if (spec.encoder) return make_encoder_engine(std::move(model), std::move(tokenizer), options);
    const Backend& backend = model->backend();
    const MemoryRoom room{.available_bytes = backend.available_memory_bytes(),
                          .weights_bytes = backend.owns_memory() ? 0 : model->file().file_bytes()};
    TRY(const KvPlan plan, plan_context(spec, room, options));
    TRY(KvPool pool,
        KvPool::create(spec, model->backend(),
                       {.type = options.kv_type, .page_tokens = kPageTokens, .n_pages = plan.n_pages}));
    model->set_context({.ctx_tokens = plan.ctx_tokens, .yarn_factor = options.rope_scale});

    EngineOptions limits = options;
    limits.batch_tokens = std::min(options.batch_tokens, model->options().batch_rows_max);
    limits.max_sequences =
        std::min({options.max_sequences, model->options().logit_rows_max, limits.batch_tokens});
    base::log_debug("context {} tokens, KV cache {} tokens in {} bytes", plan.ctx_tokens,
                    plan.n_pages * kPageTokens, pool.bytes());
    return std::make_unique<ModelEngine>(std::move(model), std::move(tokenizer), std::move(pool), plan,
                                         limits);
}

}  // namespace airframe
