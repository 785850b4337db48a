// Engine: a model, its KV pool and the loop that serves them.
#include "airframe/engine/engine.h"

#include <algorithm>
#include <utility>

#include "airframe/engine/draft_model.h"
#include "airframe/engine/encoder_engine.h"
#include "airframe/engine/engine_loop.h"
#include "airframe/engine/fault.h"
#include "airframe/engine/kv_plan.h"
#include "airframe/engine/prefix_store.h"
#include "base/log.h"

namespace airframe {
namespace {

// A second model, its KV cache, and what it is asked.
struct Draft {
    std::unique_ptr<Model> model;
    KvPool pool;
    DraftModel guesser;

    Draft(std::unique_ptr<Model> small, KvPool kv, DraftModel::Parts parts)
        : model(std::move(small)), pool(std::move(kv)), guesser(with_forward(std::move(parts))) {}

  private:
    DraftModel::Parts with_forward(DraftModel::Parts parts) {
        parts.forward = [this](const Batch& batch, std::span<float> logits) {
            if (auto ran = model->forward(batch, pool, logits); !ran) throw Fault(std::move(ran).error());
        };
        return parts;
    }
};

class ModelEngine final : public Engine {
  public:
    ModelEngine(std::unique_ptr<Model> model, std::shared_ptr<const Tokenizer> tokenizer, KvPool pool,
                std::unique_ptr<Draft> draft, const KvPlan& plan, const EngineOptions& options)
        : model_(std::move(model)),
          tokenizer_(std::move(tokenizer)),
          pool_(std::move(pool)),
          draft_(std::move(draft)),
          ctx_tokens_(plan.ctx_tokens),
          pooling_(options.pooling),
          store_(make_store(plan, options)),
          embedder_(*model_),
          loop_({.forward =
                     [this](const Batch& batch, std::span<float> logits) {
                         if (auto ran = model_->forward(batch, pool_, logits); !ran)
                             throw Fault(std::move(ran).error());
                     },
                 .embed = embed_parts(embedder_),
                 .draft = draft_ ? &draft_->guesser : nullptr,
                 .on_begin =
                     [this](PagePool& pages) {
                         if (store_) store_->restore(pages);
                     },
                 .on_end =
                     [this](PagePool& pages) {
                         if (store_) store_->save(pages);
                     },
                 .on_lost =
                     [this] {
                         embedder_.release();
                         pool_.release_memory();
                         model_->release_memory();
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
    std::optional<base::Error> failure() const override { return loop_.failure(); }
    EngineStats stats() const override {
        EngineStats stats = loop_.stats();
        if (draft_) stats.draft_kv_bytes = draft_->pool.bytes();
        return stats;
    }

  private:
    std::unique_ptr<PrefixStore> make_store(const KvPlan& plan, const EngineOptions& options) {
        if (options.cache_dir.empty()) return nullptr;
        return std::make_unique<PrefixStore>(PrefixStoreOptions{.dir = options.cache_dir,
                                                                .bytes_max = options.cache_dir_bytes,
                                                                .ctx_tokens = plan.ctx_tokens},
                                             *model_, pool_);
    }

    const std::unique_ptr<Model> model_;
    const std::shared_ptr<const Tokenizer> tokenizer_;
    KvPool pool_;
    const std::unique_ptr<Draft> draft_;  // null: none
    const uint32_t ctx_tokens_;
    const std::optional<Pooling> pooling_;
    std::unique_ptr<PrefixStore> store_;  // null: nothing is kept between runs
    Embedder embedder_;
    EngineLoop loop_;  // last: its thread uses model and pool
};

base::Result<std::unique_ptr<Draft>> make_draft(std::unique_ptr<Model> draft, const Model& model,
                                                const Tokenizer& tokenizer, const KvPlan& plan,
                                                const EngineOptions& options) {
    if (!draft) return nullptr;
    const ModelSpec& spec = draft->spec();
    TRY(const auto its_tokenizer, Tokenizer::create(draft->file().metadata()));
    TRY_VOID(check_same_vocabulary(tokenizer, *its_tokenizer));
    TRY(KvPool pool,
        draft->make_kv_pool({.type = options.kv_type, .page_tokens = kPageTokens, .n_pages = plan.n_pages}));
    draft->set_context({.ctx_tokens = std::min(plan.ctx_tokens, spec.ctx_train_tokens)});
    const auto known = static_cast<uint32_t>(std::min(tokenizer.vocab_size(), its_tokenizer->vocab_size()));
    const uint64_t times = model.file().file_bytes() / std::max<uint64_t>(draft->file().file_bytes(), 1);
    DraftModel::Parts parts{.forward = {},
                            .vocab = spec.vocab,
                            .known = std::min(known, spec.vocab),
                            .ctx_tokens = std::min(plan.ctx_tokens, spec.ctx_train_tokens),
                            .n_pages = plan.n_pages,
                            .page_tokens = kPageTokens,
                            .rows_max = static_cast<int32_t>(draft->options().batch_rows_max),
                            .logit_rows_max = static_cast<int32_t>(draft->options().logit_rows_max),
                            .speed = static_cast<int32_t>(std::clamp<uint64_t>(times, 1, 100))};
    return std::make_unique<Draft>(std::move(draft), std::move(pool), std::move(parts));
}

base::Result<void> check_draft(const Model* draft, const EngineOptions& options) {
    const auto refuse = [](const char* param, std::string message) -> base::Result<void> {
        return std::unexpected(base::Error{.code = base::ErrorCode::kInvalidArgument,
                                           .message = std::move(message),
                                           .param = param,
                                           .detail = {}});
    };
    if (options.draft_tokens_max < 1 || options.draft_tokens_max > kDraftTokensMax)
        return refuse("draft_tokens_max", fmt::format("draft_tokens_max is {}; it must lie between 1 and {}.",
                                                      options.draft_tokens_max, kDraftTokensMax));
    if (draft != nullptr && draft->spec().encoder)
        return refuse("draft-model", fmt::format("A {} model is an encoder: it cannot guess what comes next.",
                                                 draft->spec().family));
    return {};
}

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

// What there is for keys and values; what a draft maps counts where the model maps something too.
std::vector<MemoryRoom> rooms_of(const Model& model, const Model* draft) {
    uint64_t of_draft = 0;
    if (draft != nullptr)
        for (const Model::KvRoom& room : draft->kv_rooms()) of_draft += room.mapped_bytes;
    std::vector<MemoryRoom> rooms;
    for (const Model::KvRoom& room : model.kv_rooms())
        rooms.push_back({.available_bytes = room.available_bytes,
                         .weights_bytes = room.mapped_bytes + (room.mapped_bytes > 0 ? of_draft : 0),
                         .share = room.share});
    return rooms;
}

}  // namespace

base::Result<std::unique_ptr<Engine>> Engine::create(std::unique_ptr<Model> model,
                                                     std::shared_ptr<const Tokenizer> tokenizer,
                                                     const EngineOptions& options,
                                                     std::unique_ptr<Model> draft) {
    TRY_VOID(check_options(options));
    TRY_VOID(check_draft(draft.get(), options));
    const ModelSpec& spec = model->spec();
    if (spec.encoder) return make_encoder_engine(std::move(model), std::move(tokenizer), options);
    const std::vector<MemoryRoom> rooms = rooms_of(*model, draft.get());
    TRY(const KvPlan plan, plan_context(spec, rooms, options, draft ? &draft->spec() : nullptr));
    TRY(KvPool pool,
        model->make_kv_pool({.type = options.kv_type, .page_tokens = kPageTokens, .n_pages = plan.n_pages}));
    model->set_context({.ctx_tokens = plan.ctx_tokens, .yarn_factor = options.rope_scale});

    TRY(auto made_draft, make_draft(std::move(draft), *model, *tokenizer, plan, options));

    EngineOptions limits = options;
    limits.batch_tokens = std::min(options.batch_tokens, model->options().batch_rows_max);
    limits.max_sequences =
        std::min({options.max_sequences, model->options().logit_rows_max, limits.batch_tokens});
    base::log_debug("context {} tokens, KV cache {} tokens in {} bytes", plan.ctx_tokens,
                    plan.n_pages * kPageTokens, pool.bytes());
    return std::make_unique<ModelEngine>(std::move(model), std::move(tokenizer), std::move(pool),
                                         std::move(made_draft), plan, limits);
}

}  // namespace airframe
