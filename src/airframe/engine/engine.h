// Engine: many requests, one model. An inbox, an engine thread, and an event stream per request.
//
//   TRY(auto engine, Engine::create(std::move(model), std::move(tokenizer), {}));
//   TRY(auto stream, engine->submit({.prompt = ids, .max_tokens = 64}));
//   while (auto event = stream->next()) { … }          // or try_next() after on_ready has called
// submit() and the streams may be used from any thread. The engine thread alone touches model, pages and
// scheduler. Streams may outlive the engine; it ends them all before it is gone.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "airframe/model/embed.h"
#include "airframe/model/model.h"
#include "airframe/text/tokenizer.h"
#include "base/result.h"

namespace airframe {

class TokenMasks;

// Neutral values switch a stage off. Ranges are checked by submit(). What each stage does: sampler.h.
struct SamplingParams {
    float temperature = 0.7f;     // 0: greedy
    float dynatemp_range = 0;     // 0: off; the temperature lies that much below or above, by the entropy
    float dynatemp_exponent = 1;  // of the normalised entropy
    int32_t top_k = 40;           // 0: off
    float typical_p = 1;          // 1: off
    float top_p = 0.9f;           // 1: off
    float min_p = 0;              // 0: off
    float top_n_sigma = -1;       // 0 and less: off
    float xtc_probability = 0;    // 0: off
    float xtc_threshold = 0.1f;   // above 0.5: off
    int32_t mirostat = 0;         // 0: off; 2: instead of every stage from top_k to XTC
    float mirostat_tau = 5;       // surprise aimed at, in bits
    float mirostat_eta = 0.1f;    // how fast
    float repeat_penalty = 1;     // 1: off; over the last repeat_last_n tokens
    int32_t repeat_last_n = 64;   // -1: all; 0: off
    float dry_multiplier = 0;     // 0: off
    float dry_base = 1.75f;
    int32_t dry_allowed_length = 2;   // tokens: repetitions shorter than this are free
    int32_t dry_penalty_last_n = -1;  // tokens looked at; -1: all; 0: off
    std::vector<std::string> dry_sequence_breakers = {"\n", ":", "\"", "*"};
    float frequency_penalty = 0;  // over the generated tokens, as OpenAI defines them
    float presence_penalty = 0;
    std::optional<uint64_t> seed;                   // absent: a random one
    std::unordered_map<TokenId, float> logit_bias;  // added to the raw logits; -infinity: never this token
};

struct EngineRequest {
    std::vector<TokenId> prompt;
    SamplingParams sampling;
    int32_t max_tokens = -1;            // -1: up to the context; 0: compute the prompt only
    std::vector<std::string> stop;      // the text ends before the first of these
    std::vector<TokenId> shown_tokens;  // control tokens whose text is a part of the answer
    // What the answer must be: of this engine's vocabulary. The engine thread alone uses it from here on; it
    // may be shared by requests of one engine. Null: the text is free.
    std::shared_ptr<TokenMasks> constraint;
    bool ignore_eos = false;              // tokens that end the generation are never chosen
    std::optional<int32_t> top_logprobs;  // absent: no logprobs; 0: of the chosen token only
    // Scoring: one PromptLogprobs event before the first Delta. The same values; then nothing of the prompt
    // is taken from the prefix cache.
    std::optional<int32_t> prompt_logprobs;
    std::optional<std::chrono::nanoseconds> deadline;  // from submission
    // Cached prefixes are shared only between requests with the same salt, so that nobody learns from the
    // time of an answer what others have asked. Empty: shared with all that have none.
    std::string cache_salt;
};

struct TokenLogprob {
    TokenId id;
    float logprob;  // of the raw model distribution: finite, <= 0
};

enum class FinishReason : uint8_t { kStop, kLength, kCancelled };

struct Usage {
    int32_t prompt_tokens = 0;
    int32_t cached_tokens = 0;
    int32_t completion_tokens = 0;  // generated, the token that ended the generation included
};

struct Timings {
    double queue_s = 0, prefill_s = 0, decode_s = 0;
    int32_t draft_tokens = 0;           // guesses computed by speculative decoding
    int32_t draft_tokens_accepted = 0;  // that came true: tokens that cost no step of their own
};

struct Admitted {
    int32_t prompt_tokens, cached_tokens;
    double queue_s = 0;  // as in Timings
};
struct Delta {
    std::string text;             // valid UTF-8; may be empty
    std::vector<TokenId> tokens;  // that completed it; usually one, more after text was held back
    struct Logprobs {
        TokenLogprob chosen;
        std::vector<TokenLogprob> top;
    };
    std::vector<Logprobs> logprobs;  // one per token, when asked for
};
// Of each token of the prompt but the first, which nothing predicts.
struct PromptLogprobs {
    std::vector<Delta::Logprobs> tokens;
};
struct Finished {
    FinishReason reason;
    std::string stop_sequence;  // the stop string that ended it, if one did
    Usage usage;
    Timings timings;
};
struct Failed {
    base::Error error;
};
// Exactly one Finished or Failed ends each stream.
using GenEvent = std::variant<Admitted, PromptLogprobs, Delta, Finished, Failed>;

// The consumer's end of one request. Destroying it cancels the request.
class EventStream {
  public:
    virtual ~EventStream() = default;
    virtual std::optional<GenEvent> next() = 0;      // waits; nothing after the last event
    virtual std::optional<GenEvent> try_next() = 0;  // nothing ready, or all over
    // `ready` is called (on the engine thread, must be quick, must not throw) whenever an event has become
    // available; never after a later on_ready() or the destructor has returned. It may destroy the stream,
    // but never the engine. What came before is not announced: call try_next() once after this.
    virtual void on_ready(std::function<void()> ready) = 0;
    virtual void cancel() = 0;  // takes effect within one step
};

// Texts whose vectors are wanted, or pairs of texts whose scores are.
struct EmbedRequest {
    std::vector<EmbedText> texts;
    bool rank = false;
    std::optional<std::chrono::nanoseconds> deadline;  // from submission
    std::stop_token stop;                              // takes effect within one pass
    // Called once, on the engine thread: must be quick, must not throw, and must hold nothing whose end would
    // be the engine's. A vector of length 1 for each text [dim], or a score for each pair [1]; or kCancelled,
    // kDeadline, kUnavailable, kNumeric, kOutOfMemory.
    std::move_only_function<void(base::Result<std::vector<std::vector<float>>>)> done;
};

// Guessing tokens from the text itself and checking several at once: the same text in fewer steps.
enum class Speculation : uint8_t { kOff, kWhereItPays, kAlways };

struct EngineOptions {
    uint32_t ctx_tokens = 0;  // longest sequence; 0: the model's own, as far as memory allows
    uint32_t kv_tokens = 0;   // kept at once, of all sequences; at least ctx_tokens; 0: chosen by kv_plan.h
    uint32_t batch_tokens = 512;  // rows of one step
    uint32_t prefill_chunk = 0;  // of those, how many prompts may take while others decode; 0: by measurement
    uint32_t max_sequences = 64;  // running at once
    uint32_t queue = 256;         // waiting at once; more are refused with kQueueFull
    uint32_t event_queue = 256;   // events a slow reader may leave unread before its sequence stalls
    KvType kv_type = KvType::kF16;
    float rope_scale = 0;  // at least 1: YaRN by this factor, whatever the file says; 0: by the file
    std::optional<std::chrono::nanoseconds> deadline;  // of requests that name none
    Speculation speculation = Speculation::kWhereItPays;
    uint32_t draft_tokens_max = 5;   // guesses checked at once for a sequence, at most 5
    std::optional<Pooling> pooling;  // of embeddings; absent: the model's own
    // Where cached prefixes are kept between runs (empty: nowhere), and how many bytes they may take there.
    std::string cache_dir;
    uint64_t cache_dir_bytes = uint64_t{1} << 30;
};

struct EngineStats {
    uint32_t running, waiting;
    uint32_t pages_total, pages_free;
    uint64_t steps, prompt_tokens, completion_tokens;
    uint64_t draft_tokens, draft_tokens_accepted;
    uint64_t draft_kv_bytes;  // of the draft model's KV cache
    uint32_t embed_waiting;   // requests for embeddings that are not done
    uint64_t embed_texts;     // that are
};

class Engine {
  public:
    // `draft`: a small model of the same vocabulary that guesses for this one; null: none. Encoders have no
    // use for it. Errors: kInvalidArgument (param names the option), kOutOfMemory with what is needed and
    // what there is.
    static base::Result<std::unique_ptr<Engine>> create(std::unique_ptr<Model> model,
                                                        std::shared_ptr<const Tokenizer> tokenizer,
                                                        const EngineOptions& options,
                                                        std::unique_ptr<Model> draft = nullptr);
    virtual ~Engine() = default;  // running requests get Failed{kUnavailable}

    // Errors: kInvalidArgument (param names the field), kContextLength with both numbers, kQueueFull.
    // kUnsupported: the model is an encoder, which gives no text.
    virtual base::Result<std::unique_ptr<EventStream>> submit(EngineRequest request) = 0;

    // Takes its turns between the steps of running streams. Errors, and then `done` is not called:
    // kInvalidArgument (param "input", "input[i]" or "model"), kContextLength with both numbers, kQueueFull.
    virtual base::Result<void> embed(EmbedRequest request) = 0;

    virtual const ModelSpec& spec() const = 0;
    virtual const Tokenizer& tokenizer() const = 0;
    virtual uint32_t ctx_tokens() const = 0;
    virtual uint32_t kv_tokens() const = 0;  // what the KV cache holds, of all sequences
    virtual KvType kv_type() const = 0;
    virtual uint64_t kv_bytes() const = 0;
    virtual EngineStats stats() const = 0;
    // Why it computes no more: its device is lost. What ran has got this error, and so does what is still
    // submitted; only another engine helps. Nothing: it works. Any thread.
    virtual std::optional<base::Error> failure() const = 0;
};

}  // namespace airframe
