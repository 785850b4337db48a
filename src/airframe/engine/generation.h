// Generation: one live request: its sequence, its sampler, and the way of a token to the reader: decoded
// across UTF-8 borders, held back while it could begin a stop string, sent together with the tokens it came
// from. A token that ends the generation counts as generated, but is not sent; nor are the tokens that a stop
// string has cut off. Built by the thread that submits, then touched by the engine thread only.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "airframe/engine/draft_governor.h"
#include "airframe/engine/engine.h"
#include "airframe/engine/event_stream.h"
#include "airframe/engine/sampler.h"
#include "airframe/engine/scheduler.h"
#include "airframe/engine/sequence.h"
#include "airframe/engine/stop_matcher.h"
#include "airframe/text/token_masks.h"
#include "base/clock.h"

namespace airframe {

// Logits of consecutive positions of one sequence: row i lies at logits[i * stride], its first `known` values
// count.
struct LogitRows {
    float* logits;
    size_t n_rows, stride, known;
    int32_t first_position;
    std::span<float> row(size_t i) const { return {logits + i * stride, known}; }
};

class Generation {
  public:
    struct Limits {
        int32_t ctx_tokens;
        int32_t page_tokens;
        uint32_t event_queue;
    };

    // REQUIRES: the request has been checked (request_check.h).
    Generation(EngineRequest request, std::shared_ptr<const Tokenizer> tokenizer, const Limits& limits,
               std::shared_ptr<Doorbell> engine);

    Sequence sequence;  // the engine gives it its id, in order of arrival

    const std::shared_ptr<EventChannel>& channel() const { return channel_; }
    const std::optional<base::Clock::time_point>& deadline() const { return deadline_; }
    int32_t completion_tokens() const { return completion_tokens_; }

    // Its computing begins, for the first time.
    void admit();
    // What its rows of logits (left as they were) tell: scores of the prompt, then the next token, and one
    // more for each guess of the draft that came true. Sends events. The result is valid until the next call.
    ItemResult advance(const LogitRows& rows, SamplerScratch& scratch);
    // How many of `most` guesses for the next step the rest of the answer has room for.
    int32_t guesses_wanted(int32_t most);
    // Guesses that the grammar forbids cannot come true.
    void drop_forbidden_guesses();
    double acceptance() const { return acceptance_.share(); }
    int32_t draft_tokens() const { return draft_tokens_; }
    int32_t draft_tokens_accepted() const { return draft_tokens_accepted_; }
    // The stream ends here. REQUIRES, for both: it has not ended yet.
    void finish(FinishReason reason);
    void fail(base::Error error);
    base::Error deadline_missed() const;

  private:
    struct PendingToken {
        TokenId id = 0;
        uint64_t begin = 0, end = 0;  // the bytes of the whole text that it completed
        Delta::Logprobs logprobs;
    };

    base::Result<size_t> score_prompt(const LogitRows& rows, SamplerScratch& scratch);
    bool next_token(std::span<float> logits, SamplerScratch& scratch);
    base::Result<std::optional<TokenId>> choose(std::span<float> logits, SamplerScratch& scratch);
    std::optional<FinishReason> take(TokenId token);
    bool show(std::string_view text);
    void send_delta(bool all_tokens);

    EngineRequest request_;
    std::shared_ptr<const Tokenizer> tokenizer_;
    int32_t prompt_tokens_, completion_max_;
    int32_t completion_tokens_ = 0;
    int32_t draft_tokens_ = 0, draft_tokens_accepted_ = 0;
    Acceptance acceptance_;
    std::vector<TokenId> next_;  // tokens of the newest step
    PromptLogprobs prompt_logprobs_;
    Sampler sampler_;
    GrammarState grammar_state_ = GrammarMachine::kDead;  // of request_.constraint
    StreamDecoder decoder_;
    StopMatcher stop_;
    std::shared_ptr<EventChannel> channel_;

    uint64_t decoded_bytes_ = 0, released_bytes_ = 0;  // of text: decoded so far, given to the reader so far
    std::vector<PendingToken> pending_;                // tokens whose text is not all released
    Delta delta_;

    base::Clock::time_point submitted_ = base::Clock::now();
    std::optional<base::Clock::time_point> admitted_, first_token_, deadline_;
};

}  // namespace airframe
