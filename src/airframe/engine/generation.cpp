#include "airframe/engine/generation.h"

#include <algorithm>
#include <random>
#include <utility>

namespace airframe {
namespace {

uint64_t random_seed() {
    std::random_device device;
    return (uint64_t{device()} << 32) | device();
}

int32_t completion_limit(const EngineRequest& request, int32_t ctx_tokens) {
    const int32_t room = ctx_tokens - static_cast<int32_t>(request.prompt.size());
    return request.max_tokens < 0 ? room : std::min(request.max_tokens, room);
}

double seconds_between(base::Clock::time_point begin, base::Clock::time_point end) {
    return std::chrono::duration<double>(end - begin).count();
}

}  // namespace

Generation::Generation(EngineRequest request, std::shared_ptr<const Tokenizer> tokenizer,
                       const Limits& limits, std::shared_ptr<Doorbell> engine)
    : request_(std::move(request)),
      tokenizer_(std::move(tokenizer)),
      prompt_tokens_(static_cast<int32_t>(request_.prompt.size())),
      completion_max_(completion_limit(request_, limits.ctx_tokens)),
      sampler_(request_.sampling, request_.sampling.seed ? *request_.sampling.seed : random_seed(),
               request_.ignore_eos ? std::span(tokenizer_->special().end_of_generation)
                                   : std::span<const TokenId>(),
               tokenizer_.get()),
      decoder_(*tokenizer_, false, request_.shown_tokens),
      stop_(request_.stop),
      channel_(std::make_shared<EventChannel>(limits.event_queue, std::move(engine))) {
    sequence = make_sequence(request_.prompt, prompt_tokens_ + completion_max_, limits.page_tokens,
                             std::move(request_.cache_salt));
    next_.reserve(kDraftTokensMax + 1);
    if (request_.prompt_logprobs) {
        sequence.logits_to = prompt_tokens_ - 1;
        prompt_logprobs_.tokens.reserve(request_.prompt.size());
    }
    sampler_.prepare(request_.prompt);
    request_.prompt = {};
    if (request_.constraint) grammar_state_ = request_.constraint->start();
    if (request_.deadline) deadline_ = submitted_ + *request_.deadline;
}

void Generation::admit() {
    admitted_ = base::Clock::now();
    channel_->send(Admitted{.prompt_tokens = prompt_tokens_,
                            .cached_tokens = sequence.cached_tokens,
                            .queue_s = seconds_between(submitted_, *admitted_)});
    if (request_.prompt_logprobs && prompt_tokens_ == 1) channel_->send(PromptLogprobs{});
}

ItemResult Generation::advance(const LogitRows& rows, SamplerScratch& scratch) {
    next_.clear();
    const auto scored = score_prompt(rows, scratch);
    if (!scored) {
        fail(scored.error());
        return {.ends = true};
    }
    size_t row = *scored;
    if (row == rows.n_rows) return {};
    if (completion_max_ == 0) {
        finish(FinishReason::kLength);
        return {.ends = true};
    }
    const size_t size = sequence.tokens.size();
    const std::vector<TokenId>& draft = sequence.draft;
    bool ends = false;
    for (;; ++row) {
        ends = next_token(rows.row(row), scratch);
        const size_t right = next_.size();
        if (ends || row + 1 == rows.n_rows || draft[right - 1] != next_.back() || channel_->full()) break;
        sequence.tokens.push_back(next_.back());  // the next row's context; the scheduler appends for good
    }
    sequence.tokens.resize(size);
    if (!draft.empty()) {
        const auto checked = static_cast<int32_t>(draft.size());
        const auto right = static_cast<int32_t>(next_.size()) - (ends ? 0 : 1);
        draft_tokens_ += checked;
        draft_tokens_accepted_ += right;
        acceptance_.learn(checked, right);
    }
    return {.tokens = next_, .ends = ends};
}

// Takes the rows of positions before the last one; how many those were.
base::Result<size_t> Generation::score_prompt(const LogitRows& rows, SamplerScratch& scratch) {
    if (!sequence.wants_more_logits()) return 0;
    auto& scores = prompt_logprobs_.tokens;
    size_t row = 0;
    const auto first = static_cast<size_t>(rows.first_position),
               end = static_cast<size_t>(sequence.logits_to);
    for (; row < rows.n_rows && first + row < end; ++row) {
        const TokenId next = sequence.tokens[first + row + 1];
        TRY_VOID(check_finite(rows.row(row), first + row + 1));
        raw_logprobs(rows.row(row), next, *request_.prompt_logprobs, scratch, scores.emplace_back());
    }
    if (first + row >= end) channel_->send(std::move(prompt_logprobs_));
    return row;
}

// Nothing: the text is whole, no token may follow, and none that ends the generation may be chosen.
base::Result<std::optional<TokenId>> Generation::choose(std::span<float> logits, SamplerScratch& scratch) {
    TokenMasks* const constraint = request_.constraint.get();
    TokenMasks::Mask mask;
    if (constraint != nullptr) {
        TRY(mask, constraint->mask(grammar_state_));
    }
    auto token = sampler_.sample(logits, sequence.tokens, static_cast<size_t>(prompt_tokens_), scratch, mask);
    if (!token) {
        const bool nothing_left = token.error().code == base::ErrorCode::kInvalidArgument;
        if (constraint != nullptr && nothing_left && constraint->complete(grammar_state_))
            return std::optional<TokenId>();
        return std::unexpected(std::move(token).error());
    }
    if (constraint != nullptr && !tokenizer_->ends_generation(*token))
        grammar_state_ = constraint->advance(grammar_state_, *token);
    return std::optional(*token);
}

// Samples and shows one token, appended to next_ unless it is the last; true when the generation is over.
bool Generation::next_token(std::span<float> logits, SamplerScratch& scratch) {
    const auto chosen = choose(logits, scratch);
    if (!chosen) {
        fail(chosen.error());
        return true;
    }
    const std::optional<TokenId> token = *chosen;
    if (!token) {
        stop_.finish(delta_.text);
        send_delta(true);
        finish(FinishReason::kStop);
        return true;
    }
    if (completion_tokens_++ == 0) first_token_ = base::Clock::now();
    pending_.push_back({.id = *token, .begin = decoded_bytes_, .end = decoded_bytes_});
    if (request_.top_logprobs)
        raw_logprobs(logits, *token, *request_.top_logprobs, scratch, pending_.back().logprobs);
    const std::optional<FinishReason> reason = take(*token);
    if (reason) finish(*reason);
    if (!reason) next_.push_back(*token);
    return reason.has_value();
}

int32_t Generation::guesses_wanted(int32_t most) {
    if (most == 0) acceptance_.forget();
    return std::max(std::min(most, completion_max_ - completion_tokens_ - 1), 0);
}

void Generation::drop_forbidden_guesses() {
    if (!request_.constraint) return;
    size_t right = 0;
    for (GrammarState state = grammar_state_; right < sequence.draft.size(); ++right) {
        state = request_.constraint->advance(state, sequence.draft[right]);
        if (state == GrammarMachine::kDead) break;
    }
    sequence.draft.resize(right);
}

// Turns the newest pending token into text and sends what may be shown; the reason when it was the last.
std::optional<FinishReason> Generation::take(TokenId token) {
    const bool ends = tokenizer_->ends_generation(token);
    bool stopped = false;
    if (ends) {
        pending_.pop_back();
    } else {
        stopped = show(decoder_.push(token));
        pending_.back().end = decoded_bytes_;
    }
    const bool full = completion_tokens_ == completion_max_;
    if (!stopped && (ends || full)) stopped = show(decoder_.finish());
    if (stopped) {
        send_delta(false);
        return FinishReason::kStop;
    }
    if (ends || full) stop_.finish(delta_.text);
    send_delta(ends || full);
    if (ends) return FinishReason::kStop;
    return full ? std::optional(FinishReason::kLength) : std::nullopt;
}

// Adds to the delta what of `text` is not held back; true when a stop string is complete.
bool Generation::show(std::string_view text) {
    decoded_bytes_ += text.size();
    return stop_.push(text, delta_.text);
}

// A token goes with the last byte of its text; with its first when a stop string has cut it.
void Generation::send_delta(bool all_tokens) {
    released_bytes_ += delta_.text.size();
    const bool stopped = !stop_.matched().empty();
    size_t n = 0;
    for (; n < pending_.size(); ++n) {
        PendingToken& token = pending_[n];
        const bool released = stopped ? token.begin < released_bytes_ : token.end <= released_bytes_;
        if (!released && !all_tokens) break;
        delta_.tokens.push_back(token.id);
        if (request_.top_logprobs) delta_.logprobs.push_back(std::move(token.logprobs));
    }
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(n));
    if (!delta_.text.empty() || !delta_.tokens.empty()) channel_->send(delta_);
    delta_.text.clear();
    delta_.tokens.clear();
    delta_.logprobs.clear();
}

void Generation::finish(FinishReason reason) {
    const auto now = base::Clock::now();
    const auto admitted = admitted_.value_or(now), first_token = first_token_.value_or(now);
    channel_->end(Finished{.reason = reason,
                           .stop_sequence = stop_.matched(),
                           .usage = {.prompt_tokens = prompt_tokens_,
                                     .cached_tokens = sequence.cached_tokens,
                                     .completion_tokens = completion_tokens_},
                           .timings = {.queue_s = seconds_between(submitted_, admitted),
                                       .prefill_s = seconds_between(admitted, first_token),
                                       .decode_s = seconds_between(first_token, now),
                                       .draft_tokens = draft_tokens_,
                                       .draft_tokens_accepted = draft_tokens_accepted_}});
}

void Generation::fail(base::Error error) { channel_->end(Failed{std::move(error)}); }

base::Error Generation::deadline_missed() const {
    return {.code = base::ErrorCode::kDeadline,
            .message = fmt::format(
                "The request ran out of its {:.3g} s: {} of {} tokens were generated. Ask for fewer "
                "tokens or allow more time.",
                seconds_between(submitted_, *deadline_), completion_tokens_, completion_max_),
            .param = {},
            .detail = "deadline_exceeded"};
}

}  // namespace airframe
