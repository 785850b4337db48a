#include "shimmy/service/generation_job.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "airframe/engine/fault.h"
#include "airframe/engine/fill_in.h"
#include "shimmy/service/answer_grammar.h"
#include "shimmy/service/chat_plan.h"
#include "shimmy/service/chat_text.h"

namespace shimmy {

using airframe::TokenId;
using base::ErrorCode;
using base::fail;

namespace {

// A token may hold a part of one: it counts where its first byte is.
size_t count_characters(std::string_view text) {
    return static_cast<size_t>(std::ranges::count_if(
        text, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
}

}  // namespace

airframe::SamplingParams resolve(const SamplingOverrides& asked, const airframe::SamplingParams& defaults) {
    airframe::SamplingParams params = defaults;
    const auto take = [&](const auto& from, auto& to) { to = from.value_or(to); };
    take(asked.temperature, params.temperature);
    take(asked.dynatemp_range, params.dynatemp_range);
    take(asked.dynatemp_exponent, params.dynatemp_exponent);
    take(asked.top_k, params.top_k);
    take(asked.typical_p, params.typical_p);
    take(asked.top_p, params.top_p);
    take(asked.min_p, params.min_p);
    take(asked.top_n_sigma, params.top_n_sigma);
    take(asked.xtc_probability, params.xtc_probability);
    take(asked.xtc_threshold, params.xtc_threshold);
    take(asked.mirostat, params.mirostat);
    take(asked.mirostat_tau, params.mirostat_tau);
    take(asked.mirostat_eta, params.mirostat_eta);
    take(asked.repeat_penalty, params.repeat_penalty);
    take(asked.repeat_last_n, params.repeat_last_n);
    take(asked.frequency_penalty, params.frequency_penalty);
    take(asked.presence_penalty, params.presence_penalty);
    take(asked.dry_multiplier, params.dry_multiplier);
    take(asked.dry_base, params.dry_base);
    take(asked.dry_allowed_length, params.dry_allowed_length);
    take(asked.dry_penalty_last_n, params.dry_penalty_last_n);
    take(asked.dry_sequence_breakers, params.dry_sequence_breakers);
    params.seed = asked.seed;
    params.logit_bias = asked.logit_bias;
    return params;
}

GenerationJob::GenerationJob(GenerateRequest request) : request_(std::move(request)) {}

void GenerationJob::set_wait(std::shared_ptr<ModelWait> wait) {
    std::lock_guard lock(mutex_);
    wait_ = std::move(wait);
}

void GenerationJob::prepare(base::Result<ModelLease> model) {
    if (!model) return settle(std::unexpected(std::move(model).error()));
    model_ = *std::move(model);
    settle(airframe::result_of([&] { return submit_all(*model_); }));
}

base::Result<void> GenerationJob::submit_all(const LoadedModel& model) {
    const auto choices = static_cast<uint32_t>(request_.prompts.size()) * request_.n;
    choices_open_ = choices;
    streams_.resize(choices);
    readings_.resize(choices);
    if (request_.truncate) totals_.truncation.emplace();
    for (size_t p = 0; p < request_.prompts.size(); ++p) {
        TRY(PreparedPrompt prompt, prepare_prompt(model, p));
        if (totals_.truncation) *totals_.truncation += prompt.cut;
        if (!prompt.output) {
            TRY(prompt.constraint, constrain(model, nullptr));
        }
        const size_t text_characters = count_characters(prompt.text);
        if (request_.echo)
            echo_.push_back({std::move(prompt.text), prompt.tokens.empty() ? 0 : prompt.tokens.front()});
        for (uint32_t i = 0; i < request_.n; ++i) {
            const auto choice = static_cast<uint32_t>(p) * request_.n + i;
            if (prompt.output) {
                readings_[choice] = {.output = make_chat_output(*prompt.output),
                                     .short_ids = prompt.output->format->short_ids};
            }
            readings_[choice].text_offset = text_characters;
            TRY(streams_[choice], submit(model, prompt, choice));
        }
    }
    return {};
}

base::Result<GenerationJob::PreparedPrompt> GenerationJob::prepare_prompt(const LoadedModel& model,
                                                                          size_t index) const {
    const airframe::Tokenizer& tokenizer = model.engine->tokenizer();
    const Prompt& prompt = request_.prompts[index];
    const auto* ids = std::get_if<std::vector<TokenId>>(&prompt);
    if (ids != nullptr && !request_.suffix) {
        const auto outside = [&](TokenId id) { return id < 0 || id >= tokenizer.vocab_size(); };
        const bool readable = std::ranges::none_of(*ids, outside);  // else the engine says which one is wrong
        PreparedPrompt prepared{*ids, keeps_text() && readable ? tokenizer.decode(*ids) : std::string()};
        if (readable) cut_text(model, prepared);
        return prepared;
    }
    if (request_.suffix) return prepare_gap(tokenizer, prompt);
    PreparedPrompt prepared;
    if (const auto* text = std::get_if<std::string>(&prompt)) {
        prepared.tokens = tokenizer.encode(*text, {.parse_special = true});
        if (keeps_text()) prepared.text = *text;
    } else {
        TRY(prepared, prepare_chat(model, std::get<ChatInput>(prompt)));
    }
    // The begin token as the model's metadata asks, unless the template has written it already.
    const airframe::SpecialTokens& special = tokenizer.special();
    if (special.add_bos && special.bos &&
        (prepared.tokens.empty() || prepared.tokens.front() != *special.bos)) {
        prepared.tokens.insert(prepared.tokens.begin(), *special.bos);
    }
    // An empty text is the beginning of a document, which stands behind the end of another one.
    if (prepared.tokens.empty()) {
        if (const auto begin = special.bos ? special.bos : special.eos) prepared.tokens.push_back(*begin);
    }
    if (!prepared.output) cut_text(model, prepared);
    return prepared;
}

void GenerationJob::cut_text(const LoadedModel& model, PreparedPrompt& prompt) const {
    if (!request_.truncate) return;
    const airframe::Tokenizer& tokenizer = model.engine->tokenizer();
    const size_t tokens_max = prompt_tokens_max(model.engine->ctx_tokens(), request_.max_tokens);
    prompt.cut.tokens = cut_beginning(prompt.tokens, tokens_max, tokenizer);
    if (prompt.cut.tokens > 0 && keeps_text()) prompt.text = tokenizer.decode(prompt.tokens);
}

base::Result<GenerationJob::PreparedPrompt> GenerationJob::prepare_gap(const airframe::Tokenizer& tokenizer,
                                                                       const Prompt& prompt) const {
    const auto* before = std::get_if<std::string>(&prompt);
    if (before == nullptr) {
        auto refused = fail(ErrorCode::kInvalidArgument, "With a suffix the prompt must be a text.");
        refused.error().param = "prompt";
        return refused;
    }
    auto tokens = airframe::fill_in_prompt(tokenizer, *before, *request_.suffix);
    if (!tokens) {
        tokens.error().param = "suffix";
        return std::unexpected(std::move(tokens).error());
    }
    return PreparedPrompt{*std::move(tokens), keeps_text() ? *before : std::string()};
}

base::Result<GenerationJob::PreparedPrompt> GenerationJob::prepare_chat(const LoadedModel& model,
                                                                        const ChatInput& chat) const {
    // One less, for a begin token that the template has not written.
    const size_t tokens_max = prompt_tokens_max(model.engine->ctx_tokens(), request_.max_tokens) - 1;
    TRY(ChatText text, request_.truncate ? fit_chat(model, chat, tokens_max) : write_chat(model, chat));
    PreparedPrompt prepared;
    prepared.tokens = std::move(text.tokens);
    prepared.cut = text.cut;
    for (const std::string_view mark : text.plan.marks) {
        if (const auto id = model.engine->tokenizer().find(mark)) prepared.shown.push_back(*id);
    }
    TRY(prepared.constraint, constrain(model, &text.plan));
    prepared.output = std::move(text.plan.output);
    return prepared;
}

// Compiled here, on the worker, or found ready.
base::Result<ConstraintCache::Masks> GenerationJob::constrain(const LoadedModel& model,
                                                              const ChatPlan* plan) const {
    const AnswerRules rules{request_.constraint ? &*request_.constraint : nullptr, plan};
    if (!is_constrained(rules)) return nullptr;
    const airframe::Tokenizer& tokenizer = model.engine->tokenizer();
    return model.constraints.get(answer_key(rules), tokenizer,
                                 [&] { return compile_answer(rules, tokenizer); });
}

base::Result<std::unique_ptr<airframe::EventStream>> GenerationJob::submit(const LoadedModel& model,
                                                                           const PreparedPrompt& prompt,
                                                                           uint32_t choice) {
    airframe::EngineRequest request;
    request.prompt = prompt.tokens;
    request.shown_tokens = prompt.shown;
    request.constraint = prompt.constraint;
    request.sampling = resolve(request_.sampling, model.sampling);
    if (request.sampling.seed) *request.sampling.seed += choice;
    request.max_tokens = request_.max_tokens;
    request.stop = request_.stop;
    request.cache_salt = request_.cache_salt;
    request.top_logprobs = request_.top_logprobs;
    if (request_.best_of > 0 && !request.top_logprobs) request.top_logprobs = 0;
    if (request_.echo) request.prompt_logprobs = request_.top_logprobs;
    auto stream = model.engine->submit(std::move(request));
    if (!stream) {
        // The engine knows prompts only; a conversation's came from its messages.
        if (stream.error().param == "prompt" && prompt.output) stream.error().param = "messages";
        return std::unexpected(std::move(stream).error());
    }
    (*stream)->on_ready([waker = waker_] { waker->wake(); });
    return stream;
}

// Hands what prepare() made to the consumer; to nobody when the consumer has left.
void GenerationJob::settle(base::Result<void> prepared) {
    if (!prepared) {
        streams_.clear();
        pending_.push_back(GenerationFault{std::move(prepared).error()});
    }
    bool cancelled = false;
    {
        std::lock_guard lock(mutex_);
        wait_.reset();
        cancelled = cancelled_;
        if (!cancelled) phase_.store(Phase::kRunning, std::memory_order_release);
    }
    if (!cancelled) return waker_->wake();
    streams_.clear();
    model_.reset();
}

void GenerationJob::cancel() {
    waker_->set({});
    std::shared_ptr<ModelWait> wait;
    bool ours = false;
    {
        std::lock_guard lock(mutex_);
        cancelled_ = true;
        wait = std::move(wait_);
        ours = phase_.load(std::memory_order_acquire) != Phase::kPreparing;
    }
    if (wait) wait->cancel();
    if (!ours) return;  // prepare() sees cancelled_ and cleans up
    streams_.clear();
    model_.reset();
}

std::optional<GenerationEvent> GenerationJob::try_next() {
    if (phase_.load(std::memory_order_acquire) == Phase::kPreparing) return std::nullopt;
    // An event may come to nothing that can be told yet: then the stream is asked again, as it wakes us no
    // more.
    for (size_t idle = 0; pending_.empty() && idle < streams_.size();) {
        const uint32_t choice = next_choice_;
        next_choice_ = (next_choice_ + 1) % static_cast<uint32_t>(streams_.size());
        auto event = streams_[choice] ? streams_[choice]->try_next() : std::nullopt;
        idle = event ? 0 : idle + 1;
        if (event) accept(choice, std::move(*event));
    }
    if (pending_.empty()) return std::nullopt;
    GenerationEvent event = std::move(pending_.front());
    pending_.pop_front();
    return event;
}

void GenerationJob::accept(uint32_t choice, airframe::GenEvent event) {
    if (const auto* admitted = std::get_if<airframe::Admitted>(&event)) {
        if (!std::exchange(started_, true))
            pending_.push_back(Started{totals_.truncation, admitted->queue_s});
        if (request_.echo && !request_.top_logprobs)
            pending_.push_back(TextDelta{choice, echo_[choice / request_.n].text, {}});
    } else if (auto* scores = std::get_if<airframe::PromptLogprobs>(&event)) {
        accept(choice, *scores);
    } else if (auto* delta = std::get_if<airframe::Delta>(&event)) {
        accept(choice, std::move(*delta));
    } else if (auto* finished = std::get_if<airframe::Finished>(&event)) {
        accept(choice, std::move(*finished));
    } else {
        fault(std::move(std::get<airframe::Failed>(event).error));
    }
}

TokenInfo GenerationJob::describe(const airframe::Delta::Logprobs& logprobs, size_t text_offset) const {
    const airframe::Tokenizer& tokenizer = model_->engine->tokenizer();
    const auto named = [&](const airframe::TokenLogprob& token) {
        return TokenChoice{tokenizer.token_bytes(token.id, true), token.logprob};
    };
    TokenInfo info{named(logprobs.chosen), {}, text_offset};
    std::ranges::transform(logprobs.top, std::back_inserter(info.top), named);
    return info;
}

// The prompt's own text, token by token with its scores.
void GenerationJob::accept(uint32_t choice, const airframe::PromptLogprobs& scores) {
    const Echo& echo = echo_[choice / request_.n];
    TextDelta out{choice, echo.text, {}};
    out.logprobs.push_back(
        describe({.chosen = {echo.first, std::numeric_limits<float>::quiet_NaN()}, .top = {}}, 0));
    // The begin token that the model wanted is no part of the text.
    const std::string& first = out.logprobs.front().chosen.bytes;
    size_t offset = echo.text.starts_with(first) ? count_characters(first) : 0;
    for (const auto& logprobs : scores.tokens) {
        out.logprobs.push_back(describe(logprobs, offset));
        offset += count_characters(out.logprobs.back().chosen.bytes);
    }
    pending_.push_back(std::move(out));
}

void GenerationJob::accept(uint32_t choice, airframe::Delta delta) {
    Reading& reading = readings_[choice];
    std::vector<TokenInfo> infos;
    for (const auto& logprobs : delta.logprobs) {
        reading.logprob_sum += logprobs.chosen.logprob;
        reading.logprobs += 1;
        if (!request_.top_logprobs) continue;
        infos.push_back(describe(logprobs, reading.text_offset));
        reading.text_offset += count_characters(infos.back().chosen.bytes);
    }
    if (!reading.output) {
        if (!delta.text.empty() || !infos.empty())
            pending_.push_back(TextDelta{choice, std::move(delta.text), std::move(infos)});
        return;
    }
    const bool was_text = !reading.output->in_reasoning() && !reading.output->in_call();
    const bool was_thought = reading.output->in_reasoning();
    std::vector<ChatPart> parts;
    reading.output->push(delta.text, parts);
    if (was_thought || reading.output->in_reasoning())
        reading.reasoning_tokens += static_cast<int32_t>(delta.tokens.size());
    const bool is_text = was_text && !reading.output->in_reasoning() && !reading.output->in_call();
    send_parts(choice, std::move(parts), is_text ? std::move(infos) : std::vector<TokenInfo>());
}

// Logprobs belong to tokens of the text; they go with the first piece of it.
void GenerationJob::send_parts(uint32_t choice, std::vector<ChatPart> parts,
                               std::vector<TokenInfo> logprobs) {
    Reading& reading = readings_[choice];
    for (ChatPart& part : parts) {
        switch (part.kind) {
            case ChatPart::Kind::kText:
                pending_.push_back(TextDelta{choice, std::move(part.text), std::exchange(logprobs, {})});
                break;
            case ChatPart::Kind::kReasoning:
                pending_.push_back(TextDelta{choice, std::move(part.text), {}, true});
                break;
            case ChatPart::Kind::kCall:
                reading.calls = part.call + 1;
                pending_.push_back(ToolCallDelta{
                    choice, part.call, new_call_id(reading.short_ids), std::move(part.text), {}});
                break;
            case ChatPart::Kind::kArguments:
                pending_.push_back(ToolCallDelta{choice, part.call, {}, {}, std::move(part.text)});
                break;
        }
    }
    if (!logprobs.empty()) pending_.push_back(TextDelta{choice, {}, std::move(logprobs)});
}

void GenerationJob::accept(uint32_t choice, airframe::Finished finished) {
    if (finished.reason == airframe::FinishReason::kCancelled) {
        return fault({ErrorCode::kCancelled, "the request was cancelled", {}, {}});
    }
    streams_[choice].reset();
    Reading& reading = readings_[choice];
    if (reading.output) {
        std::vector<ChatPart> parts;
        reading.output->finish(parts);
        send_parts(choice, std::move(parts), {});
    }
    totals_.reasoning_tokens += reading.reasoning_tokens;
    if (choice % request_.n == 0) {
        totals_.usage.prompt_tokens += finished.usage.prompt_tokens;
        totals_.usage.cached_tokens += finished.usage.cached_tokens;
    }
    totals_.usage.completion_tokens += finished.usage.completion_tokens;
    totals_.timings.queue_s = std::max(totals_.timings.queue_s, finished.timings.queue_s);
    totals_.timings.prefill_s = std::max(totals_.timings.prefill_s, finished.timings.prefill_s);
    totals_.timings.decode_s = std::max(totals_.timings.decode_s, finished.timings.decode_s);
    totals_.timings.draft_tokens += finished.timings.draft_tokens;
    totals_.timings.draft_tokens_accepted += finished.timings.draft_tokens_accepted;
    const auto mean = static_cast<float>(reading.logprobs == 0 ? 0 : reading.logprob_sum / reading.logprobs);
    pending_.push_back(ChoiceEnd{choice, finished.reason, std::move(finished.stop_sequence), finished.usage,
                                 finished.timings, reading.calls, reading.reasoning_tokens, mean});
    if (--choices_open_ == 0) pending_.push_back(GenerationEnd{totals_});
}

void GenerationJob::fault(base::Error error) {
    streams_.clear();
    pending_.push_back(GenerationFault{std::move(error)});
}

}  // namespace shimmy
