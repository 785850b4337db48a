#include "airframe/engine/engine_loop.h"

#include <algorithm>
#include <utility>

#include "airframe/engine/fault.h"
#include "airframe/engine/prompt_lookup.h"
#include "airframe/engine/request_check.h"
#include "base/check.h"
#include "base/log.h"

namespace airframe {
namespace {

using base::ErrorCode;

constexpr uint64_t kProposalsPerProbe = 16;

int32_t as_int(size_t value) { return static_cast<int32_t>(value); }

}  // namespace

EngineLoop::EngineLoop(EngineLoopParts parts)
    : parts_(std::move(parts)),
      pages_(parts_.n_pages, parts_.page_tokens),
      scheduler_({.sequences_max = as_int(parts_.options.max_sequences),
                  .rows_max = as_int(parts_.options.batch_tokens),
                  .logit_rows_max = as_int(parts_.logit_rows)},
                 pages_),
      governor_(as_int(parts_.options.prefill_chunk), as_int(parts_.options.batch_tokens)),
      embeddings_(parts_.embed, {.requests = parts_.options.queue, .deadline = parts_.options.deadline},
                  bell_),
      logits_(std::make_unique_for_overwrite<float[]>(size_t{parts_.logit_rows} * parts_.vocab)) {
    CHECK(pages_.pages_for(as_int(parts_.ctx_tokens)) <= parts_.n_pages, "{} pages for {} tokens",
          parts_.n_pages, parts_.ctx_tokens);
    results_.reserve(parts_.options.max_sequences);
    draft_tasks_.reserve(parts_.options.max_sequences);
    scratch_.reserve(parts_.vocab, parts_.ctx_tokens);
    publish_stats();
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

EngineLoop::~EngineLoop() {
    thread_.request_stop();
    bell_->ring();
    thread_.join();
}

base::Result<std::unique_ptr<EventStream>> EngineLoop::submit(EngineRequest request) {
    TRY_VOID(check_request(request, parts_.vocab, parts_.ctx_tokens));
    if (auto why = failure()) return std::unexpected(*std::move(why));
    if (waiting_.fetch_add(1) >= parts_.options.queue) {
        waiting_.fetch_sub(1);
        return base::fail(ErrorCode::kQueueFull,
                          "{} requests are waiting already, which is the limit; try again later.",
                          parts_.options.queue);
    }
    if (!request.deadline) request.deadline = parts_.options.deadline;
    std::unique_ptr<EventStream> stream;
    auto error = error_of([&] {
        auto generation =
            std::make_unique<Generation>(std::move(request), parts_.tokenizer,
                                         Generation::Limits{.ctx_tokens = as_int(parts_.ctx_tokens),
                                                            .page_tokens = parts_.page_tokens,
                                                            .event_queue = parts_.options.event_queue},
                                         bell_);
        stream = make_event_stream(generation->channel());
        std::lock_guard lock(mutex_);
        arrivals_.push_back(std::move(generation));
        arrivals_.back()->sequence.id = next_id_++;
    });
    if (error) {
        waiting_.fetch_sub(1);
        return std::unexpected(std::move(*error));
    }
    bell_->ring();
    return stream;
}

base::Result<void> EngineLoop::embed(EmbedRequest request, Pooling pooling) {
    return embeddings_.add(std::move(request), pooling);
}

EngineStats EngineLoop::stats() const {
    std::lock_guard lock(mutex_);
    EngineStats stats = stats_;
    stats.embed_waiting = embeddings_.waiting();
    stats.embed_texts = embeddings_.texts_done();
    stats.waiting = waiting_.load();
    return stats;
}

void EngineLoop::run(const std::stop_token& stop) {
    if (parts_.on_begin) parts_.on_begin(pages_);
    while (!stop.stop_requested()) {
        take_arrivals();
        sweep();
        propose();
        const Step& step = scheduler_.next(prompt_rows());
        announce(step);
        if (!step.items.empty()) compute(step);
        drop_ended();
        publish_stats();
        const bool embedded = embeddings_.run_pass(static_cast<uint32_t>(prompt_rows()));
        if (embeddings_.failure()) give_up(*embeddings_.failure());
        if (failure()) break;
        if (step.items.empty() && !embedded) sleep();
    }
    while (!stop.stop_requested()) {  // after a lost device: those who had not heard of it
        end_all(*failure());
        publish_stats();
        sleep();
    }
    end_all(failure().value_or(unloading()));
    if (parts_.on_end && !failure()) parts_.on_end(pages_);
}

std::optional<base::Error> EngineLoop::failure() const {
    std::lock_guard lock(mutex_);
    return failure_;
}

// Told before anyone hears of it: who then asks again is given another engine.
void EngineLoop::give_up(const base::Error& why) {
    {
        std::lock_guard lock(mutex_);
        if (failure_) return;
        failure_ = why;
    }
    end_all(why);
    if (parts_.on_lost) parts_.on_lost();
}

// How long a step beside running streams may be, in rows.
int32_t EngineLoop::prompt_rows() const {
    return governor_.rows(scheduler_.n_decoding(), scheduler_.prompts_due());
}

void EngineLoop::take_arrivals() {
    {
        std::lock_guard lock(mutex_);
        std::swap(arrivals_, taken_);
    }
    for (auto& generation : taken_) {
        scheduler_.add(generation->sequence);
        live_.push_back(std::move(generation));
    }
    taken_.clear();
}

// What has happened outside since the last step: readers that went away or fell behind, time that ran out.
void EngineLoop::sweep() {
    const auto now = base::Clock::now();
    for (const auto& generation : live_) {
        Sequence& sequence = generation->sequence;
        if (generation->channel()->cancelled()) {
            scheduler_.remove(sequence);
            generation->finish(FinishReason::kCancelled);
        } else if (generation->deadline() && *generation->deadline() <= now) {
            fail(*generation, generation->deadline_missed());
        } else {
            sequence.stalled = generation->channel()->full();
        }
    }
    drop_ended();
}

// Guesses for those that decode, as many as pay.
void EngineLoop::propose() {
    if (parts_.options.speculation == Speculation::kOff) return;
    const bool always = parts_.options.speculation == Speculation::kAlways;
    const auto decodes = [](const auto& generation) {
        const Sequence& sequence = generation->sequence;
        return sequence.state == SequenceState::kRunning && sequence.remaining() == 1 && !sequence.stalled;
    };
    const auto decoding = static_cast<int32_t>(std::ranges::count_if(live_, decodes));
    // Now and then fewer, so that steps of several lengths tell what a row costs.
    const bool probes = ++proposals_ % kProposalsPerProbe == 0;
    const int32_t limit = as_int(parts_.options.draft_tokens_max) / (probes ? 2 : 1);
    draft_tasks_.clear();
    for (const auto& generation : live_) {
        if (!decodes(generation)) continue;
        const int32_t pays =
            always ? limit : std::min(limit, draft_governor_.guesses(decoding, generation->acceptance()));
        Sequence& sequence = generation->sequence;
        draft_tasks_.push_back({&sequence, generation->guesses_wanted(pays), &sequence.draft});
        sequence.draft.clear();
    }
    if (parts_.draft != nullptr && draft_model_works_) ask_draft_model();
    for (const DraftTask& task : draft_tasks_) {
        if (task.draft->empty())
            look_up_draft(task.sequence->tokens, static_cast<size_t>(task.most), *task.draft);
        owner(*task.sequence).drop_forbidden_guesses();
    }
}

void EngineLoop::ask_draft_model() {
    const auto begin = base::Clock::now();
    int32_t made = 0;
    const auto error = error_of([&] { made = parts_.draft->propose(draft_tasks_, prompt_rows()); });
    if (!error) return draft_governor_.learn_draft(made, base::seconds_since(begin));
    base::log_error("the draft model failed and is not asked again: {}", error->message);
    draft_model_works_ = false;
    for (const DraftTask& task : draft_tasks_) task.draft->clear();
}

void EngineLoop::announce(const Step& step) {
    for (const Sequence* sequence : step.admitted) {
        waiting_.fetch_sub(1);
        prompt_tokens_ += static_cast<uint64_t>(sequence->size());
        owner(*sequence).admit();
    }
}

void EngineLoop::compute(const Step& step) {
    const auto begin = base::Clock::now();
    const auto rows = static_cast<int32_t>(step.batch.tokens.size());
    if (!run_model(step)) return;
    read_logits(step);
    ++steps_;
    const double seconds = base::seconds_since(begin);
    governor_.learn(rows - step.prefill_rows, step.prefill_rows, seconds);
    if (step.prefill_rows == 0) draft_governor_.learn(rows, seconds);
}

bool EngineLoop::run_model(const Step& step) {
    const auto n_logits = step.batch.logit_rows.size() * parts_.vocab;
    const auto error = error_of([&] { parts_.forward(step.batch, std::span(logits_.get(), n_logits)); });
    if (!error) return true;
    base::log_error("a forward pass of {} rows failed: {}", step.batch.tokens.size(), error->message);
    if (error->detail == kDeviceLost)
        give_up(*error);
    else
        for (const StepItem& item : step.items) fail(owner(*item.sequence), *error);
    return false;
}

void EngineLoop::read_logits(const Step& step) {
    results_.assign(step.items.size(), {});
    // Tokens that the tokenizer does not know (padding of the matrix) are never chosen.
    const size_t known = std::min<size_t>(parts_.vocab, static_cast<size_t>(parts_.tokenizer->vocab_size()));
    for (size_t i = 0; i < step.items.size(); ++i) {
        const StepItem& item = step.items[i];
        if (item.n_logits == 0) continue;
        Generation& generation = owner(*item.sequence);
        const int32_t tokens_before = generation.completion_tokens();
        const int32_t drafted_before = generation.draft_tokens();
        const int32_t accepted_before = generation.draft_tokens_accepted();
        const LogitRows rows{.logits = &logits_[static_cast<size_t>(item.logit_row) * parts_.vocab],
                             .n_rows = static_cast<size_t>(item.n_logits),
                             .stride = parts_.vocab,
                             .known = known,
                             .first_position = item.sequence->computed_tokens + item.n_rows - item.n_logits};
        const auto error = error_of([&] { results_[i] = generation.advance(rows, scratch_); });
        if (error) {
            generation.fail(*error);
            results_[i] = {.ends = true};
        }
        completion_tokens_ += static_cast<uint64_t>(generation.completion_tokens() - tokens_before);
        draft_tokens_ += static_cast<uint64_t>(generation.draft_tokens() - drafted_before);
        draft_tokens_accepted_ += static_cast<uint64_t>(generation.draft_tokens_accepted() - accepted_before);
    }
    scheduler_.commit(results_);
}

// Until something happens: an arrival, a cancel, a reader that has caught up, a deadline, the end.
void EngineLoop::sleep() {
    std::optional<base::Clock::time_point> until;
    for (const auto& generation : live_)
        if (const auto& deadline = generation->deadline(); deadline && (!until || *deadline < *until))
            until = deadline;
    bell_->wait(until);
}

void EngineLoop::end_all(const base::Error& why) {
    embeddings_.end_all(why);
    take_arrivals();
    for (const auto& generation : live_) fail(*generation, why);
    drop_ended();
}

Generation& EngineLoop::owner(const Sequence& sequence) {
    return **std::ranges::lower_bound(live_, sequence.id, {},
                                      [](const auto& live) { return live->sequence.id; });
}

void EngineLoop::fail(Generation& generation, base::Error error) {
    scheduler_.remove(generation.sequence);
    generation.fail(std::move(error));
}

void EngineLoop::drop_ended() {
    std::erase_if(live_, [this](const auto& generation) {
        const Sequence& sequence = generation->sequence;
        if (sequence.state != SequenceState::kDone) return false;
        if (!sequence.admitted) waiting_.fetch_sub(1);
        if (parts_.draft != nullptr) parts_.draft->forget(sequence.id);
        return true;
    });
}

void EngineLoop::publish_stats() {
    std::lock_guard lock(mutex_);
    stats_ = {.running = static_cast<uint32_t>(scheduler_.n_running()),
              .waiting = 0,  // counted in waiting_
              .pages_total = static_cast<uint32_t>(pages_.n_pages()),
              .pages_free = static_cast<uint32_t>(pages_.available()),
              .steps = steps_,
              .prompt_tokens = prompt_tokens_,
              .completion_tokens = completion_tokens_,
              .draft_tokens = draft_tokens_,
              .draft_tokens_accepted = draft_tokens_accepted_,
              .draft_kv_bytes = 0,  // the engine's to say
              .embed_waiting = 0,   // counted by embeddings_, as are
              .embed_texts = 0};
}

}  // namespace airframe
