#include "airframe/engine/encoder_engine.h"

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

#include "airframe/engine/embed_queue.h"
#include "airframe/engine/fault.h"

namespace airframe {
namespace {

class EncoderEngine final : public Engine {
  public:
    EncoderEngine(std::unique_ptr<Model> model, std::shared_ptr<const Tokenizer> tokenizer,
                  const EngineOptions& options)
        : model_(std::move(model)),
          tokenizer_(std::move(tokenizer)),
          options_(options),
          embedder_(*model_),
          queue_(embed_parts(embedder_), {.requests = options.queue, .deadline = options.deadline}, bell_),
          thread_([this](const std::stop_token& stop) { run(stop); }) {}
    ~EncoderEngine() override {
        thread_.request_stop();
        bell_->ring();
        thread_.join();
    }
    EncoderEngine(const EncoderEngine&) = delete;
    EncoderEngine& operator=(const EncoderEngine&) = delete;

    base::Result<std::unique_ptr<EventStream>> submit(EngineRequest) override {
        return base::fail(base::ErrorCode::kUnsupported,
                          "A {} model is an encoder: it gives embeddings, not text.", spec().family);
    }
    base::Result<void> embed(EmbedRequest request) override {
        TRY(const Pooling pooling, check_embed(request, spec(), options_.pooling, ctx_tokens()));
        return queue_.add(std::move(request), pooling);
    }
    const ModelSpec& spec() const override { return model_->spec(); }
    const Tokenizer& tokenizer() const override { return *tokenizer_; }
    uint32_t ctx_tokens() const override {
        return static_cast<uint32_t>(encoder_ctx_tokens(*model_, options_));
    }
    uint32_t kv_tokens() const override { return 0; }
    KvType kv_type() const override { return KvType::kF16; }
    uint64_t kv_bytes() const override { return 0; }
    std::optional<base::Error> failure() const override {
        std::lock_guard lock(mutex_);
        return failure_;
    }
    EngineStats stats() const override {
        EngineStats stats{};
        stats.embed_waiting = queue_.waiting();
        stats.embed_texts = queue_.texts_done();
        return stats;
    }

  private:
    void run(const std::stop_token& stop) {
        while (!stop.stop_requested() && !queue_.failure()) {
            if (!queue_.run_pass(options_.batch_tokens)) bell_->wait({});
        }
        if (queue_.failure()) {
            {
                std::lock_guard lock(mutex_);
                failure_ = queue_.failure();
            }
            embedder_.release();
            model_->release_memory();
        }
        while (!stop.stop_requested()) {  // after a lost device: those who had not heard of it
            queue_.end_all(*queue_.failure());
            bell_->wait({});
        }
        queue_.end_all(queue_.failure().value_or(unloading()));
    }

    const std::unique_ptr<Model> model_;
    const std::shared_ptr<const Tokenizer> tokenizer_;
    const EngineOptions options_;
    const std::shared_ptr<Doorbell> bell_ = std::make_shared<Doorbell>();
    Embedder embedder_;
    EmbedQueue queue_;
    mutable std::mutex mutex_;  // guards the next one
    std::optional<base::Error> failure_;
    std::jthread thread_;  // last: it uses everything above
};

}  // namespace

std::unique_ptr<Engine> make_encoder_engine(std::unique_ptr<Model> model,
                                            std::shared_ptr<const Tokenizer> tokenizer,
                                            const EngineOptions& options) {
    return std::make_unique<EncoderEngine>(std::move(model), std::move(tokenizer), options);
}

size_t encoder_ctx_tokens(const Model& model, const EngineOptions& options) {
    const size_t most = embed_tokens_max(model);
    return options.ctx_tokens == 0 ? most : std::min<size_t>(most, options.ctx_tokens);
}

}  // namespace airframe
