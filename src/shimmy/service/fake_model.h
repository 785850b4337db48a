// A model for tests of the service and the API: bytes are tokens, and the answer is written by the test. It
// has the engine's contract (events, cancellation, limits) without any mathematics. For test files only.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "airframe/engine/embed_queue.h"
#include "shimmy/service/loaded_model.h"

namespace shimmy {

// Ids 0 to 255 are bytes, 256 ends the text, 257 begins it.
class ByteTokenizer final : public airframe::Tokenizer {
  public:
    static constexpr airframe::TokenId kEos = 256, kBos = 257;
    ByteTokenizer() {
        special_.eos = kEos;
        special_.bos = kBos;
        special_.add_bos = true;
        special_.end_of_generation = {kEos};
    }
    std::vector<airframe::TokenId> encode(std::string_view text,
                                          const airframe::EncodeOptions&) const override {
        std::vector<airframe::TokenId> ids;
        for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
        return ids;
    }
    std::string token_bytes(airframe::TokenId id, bool) const override {
        return id < 256 ? std::string(1, static_cast<char>(id)) : std::string();
    }
    std::string decode(std::span<const airframe::TokenId> ids, bool) const override {
        std::string text;
        for (const airframe::TokenId id : ids) text += token_bytes(id, false);
        return text;
    }
    int32_t vocab_size() const override { return 258; }
    airframe::TokenKind kind(airframe::TokenId id) const override {
        return id < 256 ? airframe::TokenKind::kByte : airframe::TokenKind::kControl;
    }
    const airframe::SpecialTokens& special() const override { return special_; }
    std::optional<airframe::TokenId> find(std::string_view) const override { return std::nullopt; }
    std::string_view piece(airframe::TokenId) const override { return ""; }
    std::string_view model_name() const override { return "bytes"; }
    std::string_view pre_name() const override { return ""; }

  private:
    airframe::SpecialTokens special_;
};

// What the test decides and what it can look at.
struct FakeScript {
    std::string answer = "Hello there.";  // repeated when max_tokens goes beyond it and `endless` is set
    std::string chat_template;            // says how the answer's calls and thoughts are written
    bool endless = false;                 // else the answer ends with "stop"
    std::chrono::microseconds step{0};    // between tokens
    uint32_t ctx_tokens = 4096;
    uint32_t queue = 256;
    std::string fail_after;           // after this much of the answer the request fails
    std::atomic<bool> admit{true};    // false: requests stay queued
    bool ranks = false;               // has a rank head
    std::atomic<bool> throws{false};  // rendering a conversation does, as no code of ours should

    std::atomic<bool> lost{false};  // its device is
    std::atomic<int> embed_cancelled{0};

    std::atomic<int> running{0};  // submitted, neither over nor cancelled
    std::atomic<int> cancelled{0};
    std::atomic<int> finished{0};
    std::mutex mutex;
    std::vector<airframe::EngineRequest> requests;  // all that were submitted
};

class FakeEngine final : public airframe::Engine {
  public:
    explicit FakeEngine(std::shared_ptr<FakeScript> script)
        : script_(std::move(script)),
          spec_(spec_of(*script_)),
          thread_([this](const std::stop_token& stop) { run(stop); }) {}

    base::Result<std::unique_ptr<airframe::EventStream>> submit(airframe::EngineRequest request) override {
        const size_t prompt = request.prompt.size();
        if (prompt >= script_->ctx_tokens) {
            return std::unexpected(base::Error{
                base::ErrorCode::kContextLength,
                fmt::format("Prompt is {} tokens; the context is {} tokens.", prompt, script_->ctx_tokens),
                "prompt", "context_length_exceeded"});
        }
        if (script_->running.load() >= static_cast<int>(script_->queue)) {
            return base::fail(base::ErrorCode::kQueueFull, "the queue is full");
        }
        auto sequence = std::make_shared<Sequence>();
        sequence->request = request;
        {
            std::lock_guard lock(script_->mutex);
            script_->requests.push_back(std::move(request));
        }
        script_->running += 1;
        std::lock_guard lock(mutex_);
        sequences_.push_back(sequence);
        changed_.notify_all();
        return std::make_unique<Stream>(sequence);
    }
    // A vector says how many tokens there are and which one is the first; a score, how many tokens of the
    // second text occur in the first one.
    base::Result<void> embed(airframe::EmbedRequest request) override {
        TRY(const auto pooling, airframe::check_embed(request, spec_, {}, script_->ctx_tokens));
        std::lock_guard lock(mutex_);
        if (embeddings_.size() >= script_->queue)
            return base::fail(base::ErrorCode::kQueueFull, "the queue is full");
        embeddings_.push_back({std::move(request), pooling});
        changed_.notify_all();
        return {};
    }
    const airframe::ModelSpec& spec() const override { return spec_; }
    const airframe::Tokenizer& tokenizer() const override { return tokenizer_; }
    uint32_t ctx_tokens() const override { return script_->ctx_tokens; }
    uint32_t kv_tokens() const override { return script_->ctx_tokens; }
    airframe::KvType kv_type() const override { return airframe::KvType::kF16; }
    uint64_t kv_bytes() const override { return 0; }
    airframe::EngineStats stats() const override { return {}; }
    std::optional<base::Error> failure() const override {
        if (!script_->lost) return {};
        return base::Error{base::ErrorCode::kUnavailable, "the GPU has failed", {}, "device_lost"};
    }

  private:
    struct Embedding {
        airframe::EmbedRequest request;
        airframe::Pooling pooling;
    };

    static airframe::ModelSpec spec_of(const FakeScript& script) {
        airframe::ModelSpec spec{.family = "fake", .vocab = 258, .dim = 3};
        spec.rank_head = script.ranks;
        return spec;
    }

    static std::vector<float> vector_of(const airframe::EmbedText& text, airframe::Pooling pooling) {
        const auto second = text.tokens.begin() + std::max(text.second_from, 0);
        if (pooling == airframe::Pooling::kRank)
            return {static_cast<float>(std::count_if(second, text.tokens.end(), [&](airframe::TokenId id) {
                return std::find(text.tokens.begin(), second, id) != second;
            }))};
        const auto n = static_cast<float>(text.tokens.size()), first = static_cast<float>(text.tokens[0]);
        const float length = std::sqrt(n * n + first * first + 1);
        return {n / length, first / length, 1 / length};
    }

    // REQUIRES: mutex_ held by `lock`, which is open while a request ends.
    void run_embeddings(std::unique_lock<std::mutex>& lock) {
        while (!embeddings_.empty()) {
            Embedding& first = embeddings_.front();
            const bool cancelled = first.request.stop.stop_requested();
            if (!cancelled && !script_->admit) return;
            Embedding now = std::move(first);
            embeddings_.pop_front();
            lock.unlock();
            if (cancelled) {
                script_->embed_cancelled += 1;
                now.request.done(base::fail(base::ErrorCode::kCancelled, "cancelled"));
            } else {
                std::vector<std::vector<float>> vectors;
                for (const auto& text : now.request.texts) vectors.push_back(vector_of(text, now.pooling));
                now.request.done(std::move(vectors));
            }
            lock.lock();
        }
    }

    static constexpr std::chrono::microseconds kIdle{100};
    static constexpr size_t kEventsMax = 256;  // unread ones; then the sequence stalls

    struct Sequence {
        airframe::EngineRequest request;
        std::mutex mutex;
        std::deque<airframe::GenEvent> events;
        std::function<void()> ready;
        std::atomic<bool> cancelled{false};
        bool admitted = false;
        size_t produced = 0;

        bool full() {
            std::lock_guard lock(mutex);
            return events.size() >= kEventsMax;
        }
        void send(airframe::GenEvent event) {
            std::lock_guard lock(mutex);
            events.push_back(std::move(event));
            if (ready) ready();
        }
    };
    class Stream final : public airframe::EventStream {
      public:
        explicit Stream(std::shared_ptr<Sequence> sequence) : sequence_(std::move(sequence)) {}
        ~Stream() override {
            on_ready({});
            sequence_->cancelled = true;
        }
        std::optional<airframe::GenEvent> next() override {
            for (;;) {
                if (auto event = try_next()) return event;
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
        }
        std::optional<airframe::GenEvent> try_next() override {
            std::lock_guard lock(sequence_->mutex);
            if (sequence_->events.empty()) return std::nullopt;
            auto event = std::move(sequence_->events.front());
            sequence_->events.pop_front();
            return event;
        }
        void on_ready(std::function<void()> ready) override {
            std::lock_guard lock(sequence_->mutex);
            sequence_->ready = std::move(ready);
        }
        void cancel() override { sequence_->cancelled = true; }

      private:
        std::shared_ptr<Sequence> sequence_;
    };

    void run(const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        while (!stop.stop_requested()) {
            changed_.wait_for(lock, stop, std::chrono::milliseconds(1),
                              [this] { return !sequences_.empty() || !embeddings_.empty(); });
            run_embeddings(lock);
            auto now = sequences_;
            lock.unlock();
            std::erase_if(now, [this](const auto& each) { return !step(*each); });
            // Others must get at the mutex also while there is nothing but what may not begin yet.
            std::this_thread::sleep_for(now.empty() ? kIdle : script_->step);
            lock.lock();
            std::erase_if(sequences_, [](const auto& each) { return each->produced == kOver; });
        }
        for (auto& each : embeddings_)
            each.request.done(base::fail(base::ErrorCode::kUnavailable, "the model is being unloaded"));
        for (const auto& each : sequences_) {
            each->send(
                airframe::Failed{{base::ErrorCode::kUnavailable, "the model is being unloaded", {}, {}}});
        }
    }

    static constexpr size_t kOver = ~size_t{0};

    bool step(Sequence& sequence) {
        if (sequence.produced == kOver) return false;
        if (sequence.cancelled) {
            script_->running -= 1;
            script_->cancelled += 1;
            sequence.produced = kOver;
            return false;
        }
        if (sequence.full()) return true;
        if (!sequence.admitted) {
            if (!script_->admit) return true;
            sequence.admitted = true;
            sequence.send(airframe::Admitted{static_cast<int32_t>(sequence.request.prompt.size()), 1});
            return true;
        }
        if (!script_->fail_after.empty() && sequence.produced == script_->fail_after.size()) {
            return end(sequence, airframe::Failed{{base::ErrorCode::kNumeric, "the model made NaN", {}, {}}});
        }
        const auto limit =
            static_cast<size_t>(sequence.request.max_tokens < 0 ? INT32_MAX : sequence.request.max_tokens);
        const bool at_end = !script_->endless && sequence.produced == script_->answer.size();
        if (sequence.produced == limit || at_end) return finish(sequence, !at_end);
        const char c = script_->answer[sequence.produced % script_->answer.size()];
        airframe::Delta delta;
        delta.text = std::string(1, c);
        delta.tokens = {static_cast<unsigned char>(c)};
        if (sequence.request.top_logprobs) {
            delta.logprobs.push_back({.chosen = {delta.tokens[0], -0.5F}, .top = {}});
            for (int32_t i = 0; i < *sequence.request.top_logprobs; ++i) {
                delta.logprobs[0].top.push_back({'a' + i, -0.5F - static_cast<float>(i)});
            }
        }
        sequence.produced += 1;
        sequence.send(std::move(delta));
        return true;
    }

    bool finish(Sequence& sequence, bool by_length) {
        const auto produced = static_cast<int32_t>(sequence.produced);
        return end(sequence,
                   airframe::Finished{
                       .reason = by_length ? airframe::FinishReason::kLength : airframe::FinishReason::kStop,
                       .stop_sequence = {},
                       .usage = {static_cast<int32_t>(sequence.request.prompt.size()), 1, produced},
                       .timings = {0.001, 0.25, 0.5}});
    }

    bool end(Sequence& sequence, airframe::GenEvent last) {
        script_->running -= 1;
        script_->finished += 1;
        sequence.produced = kOver;
        sequence.send(std::move(last));
        return false;
    }

    const std::shared_ptr<FakeScript> script_;
    const ByteTokenizer tokenizer_;
    const airframe::ModelSpec spec_;
    std::deque<Embedding> embeddings_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::list<std::shared_ptr<Sequence>> sequences_;
    std::jthread thread_;
};

// A loader whose models all follow the script; `loads` counts them, and a model called "broken…" does not
// load.
inline ModelLoader fake_loader(std::shared_ptr<FakeScript> script, std::shared_ptr<std::atomic<int>> loads,
                               std::chrono::milliseconds takes = {}) {
    ModelLoader loader;
    loader.load =
        [=](const ModelEntry& entry,
            const std::function<void(double)>& progress) -> base::Result<std::unique_ptr<LoadedModel>> {
        std::this_thread::sleep_for(takes);
        progress(0.5);
        *loads += 1;
        if (entry.id.starts_with("broken")) {
            return base::fail(base::ErrorCode::kBadFile, "tensor 'blk.0' lies beyond the end of the file");
        }
        auto model = std::make_unique<LoadedModel>();
        model->id = entry.id;
        model->engine = std::make_unique<FakeEngine>(script);
        model->render_chat = [script](const ChatInput& chat) -> base::Result<airframe::Rendered> {
            if (script->throws) throw std::runtime_error("a fault that was not foreseen");
            airframe::Rendered rendered;
            for (const auto& message : chat.messages) {
                rendered.text += boost::json::serialize(message);
                rendered.text += '\n';
            }
            for (const auto& tool : chat.tools) rendered.text += boost::json::serialize(tool);
            return rendered;
        };
        model->chat_traits = [script]() -> base::Result<ChatTraits> {
            return ChatTraits{script->chat_template, !script->chat_template.empty()};
        };
        return model;
    };
    return loader;
}

inline ModelEntry fake_entry(std::string id) {
    ModelEntry entry;
    entry.id = std::move(id);
    entry.source = "built-in";
    entry.bytes = 1000;
    return entry;
}

}  // namespace shimmy
