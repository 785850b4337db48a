// Generation: one request for text, from whatever dialect, as a stream of events.
//
//   auto generation = service.generate(std::move(request));
//   generation->on_ready(wake);                                // then, and after each wake:
//   while (auto event = generation->try_next()) { … }
// Dropping the generation cancels it, wherever it is: waiting for its model, queued, or decoding.
#pragma once

#include <boost/json.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "airframe/engine/engine.h"
#include "base/result.h"
#include "shimmy/service/loaded_model.h"
#include "shimmy/service/truncation.h"

namespace shimmy {

// What a request says about sampling; what it leaves out comes from the model.
struct SamplingOverrides {
    std::optional<float> temperature, dynatemp_range, dynatemp_exponent;
    std::optional<float> typical_p, top_p, min_p, top_n_sigma, xtc_probability, xtc_threshold;
    std::optional<int32_t> top_k;
    std::optional<int32_t> mirostat;
    std::optional<float> mirostat_tau, mirostat_eta;
    std::optional<float> repeat_penalty, frequency_penalty, presence_penalty;
    std::optional<int32_t> repeat_last_n;
    std::optional<float> dry_multiplier, dry_base;
    std::optional<int32_t> dry_allowed_length, dry_penalty_last_n;
    std::optional<std::vector<std::string>> dry_sequence_breakers;
    std::optional<uint64_t> seed;  // choice i of a request samples with seed + i
    std::unordered_map<airframe::TokenId, float> logit_bias;
};
airframe::SamplingParams resolve(const SamplingOverrides& asked, const airframe::SamplingParams& defaults);

// A conversation, a text, or token ids.
using Prompt = std::variant<ChatInput, std::string, std::vector<airframe::TokenId>>;

// What the text of every answer must be; without one it is free. What cannot be compiled is an error of the
// request: an answer is never left unconstrained.
struct Constraint {
    enum class Kind : uint8_t {
        kJson,        // any JSON object; no text
        kJsonSchema,  // text: the schema as JSON
        kGbnf,        // text: the grammar, rule `root` first to match
        kRegex,       // text: the expression that the whole answer matches
        kChoice       // choices: the answer is one of them
    };
    Kind kind = Kind::kJson;
    std::string text;
    std::vector<std::string> choices;
    std::string param;  // the field that it came in, for errors
};

struct GenerateRequest {
    std::string model;  // as the client wrote it
    std::vector<Prompt> prompts;
    // Fill in: each prompt, a text, is what stands before the gap, and this is what stands behind it.
    std::optional<std::string> suffix;
    uint32_t n = 1;        // choices per prompt; choice = prompt * n + i
    uint32_t best_of = 0;  // more than n: so many are computed, and the n best are the answer, when all end
    SamplingOverrides sampling;
    std::vector<std::string> stop;
    std::string cache_salt;   // cached prefixes are shared only between equal ones
    int32_t max_tokens = -1;  // -1: up to the context; 0: the prompt is computed only
    bool echo = false;        // each choice begins with its prompt's text, with its logprobs if asked
    std::optional<int32_t> top_logprobs;  // absent: no logprobs; 0: of the chosen token only
    std::optional<Constraint> constraint;
    bool truncate = false;  // a prompt that is too long is cut, and the answer says so; else it is an error
};

// A token as text: bytes that may be a part of a character.
struct TokenChoice {
    std::string bytes;
    float logprob;  // finite, <= 0; of a text's first token, which nothing predicts: NaN
};
struct TokenInfo {
    TokenChoice chosen;
    std::vector<TokenChoice> top;
    size_t text_offset = 0;  // where it begins in prompt and answer, in characters; of texts only
};

struct Totals {
    airframe::Usage usage;                      // each prompt counted once, completion tokens of all choices
    airframe::Timings timings;                  // of the slowest choice
    int32_t reasoning_tokens = 0;               // of the completion tokens
    std::optional<Truncation> truncation = {};  // of all prompts; where the request allowed it
};

// The model has taken the request: nothing but an internal fault can go wrong from here.
struct Started {
    std::optional<Truncation> truncation = {};  // as in Totals
    double queue_s = 0;                         // of the choice that came first
};
struct TextDelta {
    uint32_t choice;
    std::string text;                 // valid UTF-8; may be empty
    std::vector<TokenInfo> logprobs;  // one per token, when asked for
    bool reasoning = false;           // a thought, not the answer
};
// A piece of a call: the first one has id and name, the others go on with the arguments.
struct ToolCallDelta {
    uint32_t choice;
    uint32_t call;  // 0, 1, … within the choice
    std::string id, name;
    std::string arguments;  // JSON text, put together from all pieces
};
struct ChoiceEnd {
    uint32_t choice;
    airframe::FinishReason reason;  // kStop or kLength
    std::string stop_sequence;      // the stop string that ended it, if one did
    airframe::Usage usage;
    airframe::Timings timings;
    uint32_t tool_calls = 0;
    int32_t reasoning_tokens = 0;
    float mean_logprob = 0;  // per generated token; only where logprobs or best_of were asked for
};
struct GenerationEnd {
    Totals totals;
};
struct GenerationFault {
    base::Error error;
};
// Exactly one GenerationEnd or GenerationFault is the last event; Started is the first unless the fault comes
// before.
using GenerationEvent =
    std::variant<Started, TextDelta, ToolCallDelta, ChoiceEnd, GenerationEnd, GenerationFault>;

class Generation {
  public:
    virtual ~Generation() = default;
    virtual std::optional<GenerationEvent> try_next() = 0;  // one thread at a time
    // `wake` is called from any thread, quickly to return, whenever try_next may have more. To be set once,
    // before the first try_next.
    virtual void on_ready(std::function<void()> wake) = 0;
};

}  // namespace shimmy
