#include "airframe/engine/embed_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "airframe/engine/fault.h"

namespace airframe {

using base::ErrorCode;
using base::fail;

namespace {

base::Error deadline_missed(double seconds, const EmbedWork& work) {
    return {
        .code = ErrorCode::kDeadline,
        .message = fmt::format("The request ran out of its {:.3g} s: {} of {} texts were done. Send fewer "
                               "texts or allow more time.",
                               seconds, work.vectors.size(), work.texts.size()),
        .param = {},
        .detail = "deadline_exceeded"};
}

std::unexpected<base::Error> refuse(ErrorCode code, std::string param, std::string message) {
    return std::unexpected(
        base::Error{.code = code, .message = std::move(message), .param = std::move(param), .detail = {}});
}

}  // namespace

EmbedQueue::EmbedQueue(Parts parts, const Limits& limits, std::shared_ptr<Doorbell> engine)
    : parts_(std::move(parts)), limits_(limits), engine_(std::move(engine)) {}

base::Result<void> EmbedQueue::add(EmbedRequest request, Pooling pooling) {
    Job job{.submitted = base::Clock::now()};
    if (!request.deadline) request.deadline = limits_.deadline;
    if (request.deadline) job.deadline = job.submitted + *request.deadline;
    job.work = {.texts = std::move(request.texts), .pooling = pooling};
    job.request = std::move(request);
    {
        std::lock_guard lock(mutex_);
        if (waiting_ >= limits_.requests)
            return fail(
                ErrorCode::kQueueFull,
                "{} requests for embeddings are waiting already, which is the limit; try again later.",
                limits_.requests);
        ++waiting_;
        arrivals_.push_back(std::move(job));
    }
    engine_->ring();
    return {};
}

bool EmbedQueue::run_pass(uint32_t rows_max) {
    take_arrivals();
    sweep();
    if (jobs_.empty()) {
        if (std::exchange(has_memory_, false)) parts_.release();
        return false;
    }
    has_memory_ = true;
    Job& job = jobs_.front();
    base::Result<void> passed = result_of([&] { return parts_.pass(job.work, rows_max); });
    if (!passed && passed.error().detail == kDeviceLost) {
        failure_ = passed.error();  // the owner ends all, once it has told that it is of no more use
        return true;
    }
    if (!passed || job.work.done()) end_first(std::move(passed));
    return true;
}

void EmbedQueue::take_arrivals() {
    std::lock_guard lock(mutex_);
    std::ranges::move(arrivals_, std::back_inserter(jobs_));
    arrivals_.clear();
}

// What has happened outside since the last pass: clients that went away, time that ran out.
void EmbedQueue::sweep() {
    const auto now = base::Clock::now();
    for (size_t left = jobs_.size(); left > 0; --left) {
        Job& job = jobs_.front();
        const bool late = job.deadline && *job.deadline <= now;
        if (job.request.stop.stop_requested()) {
            end_first(fail(ErrorCode::kCancelled, "the request was cancelled"));
        } else if (late) {
            const std::chrono::duration<double> allowed = *job.deadline - job.submitted;
            end_first(std::unexpected(deadline_missed(allowed.count(), job.work)));
        } else {
            jobs_.push_back(std::move(job));
            jobs_.pop_front();
        }
    }
}

void EmbedQueue::end_first(base::Result<void> passed) {
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    {
        std::lock_guard lock(mutex_);
        --waiting_;
        texts_done_ += job.work.vectors.size();
    }
    if (passed)
        job.request.done(std::move(job.work.vectors));
    else
        job.request.done(std::unexpected(std::move(passed).error()));
}

void EmbedQueue::end_all(const base::Error& why) {
    take_arrivals();
    while (!jobs_.empty()) end_first(std::unexpected(why));
}

uint32_t EmbedQueue::waiting() const {
    std::lock_guard lock(mutex_);
    return waiting_;
}

uint64_t EmbedQueue::texts_done() const {
    std::lock_guard lock(mutex_);
    return texts_done_;
}

base::Result<Pooling> check_embed(const EmbedRequest& request, const ModelSpec& spec,
                                  std::optional<Pooling> pooling, size_t tokens_max) {
    if (request.rank && !spec.rank_head)
        return refuse(
            ErrorCode::kInvalidArgument, "model",
            fmt::format("This {} model has no rank head: it cannot tell how well two texts go together.",
                        spec.family));
    const Pooling chosen = request.rank ? Pooling::kRank : pooling.value_or(spec.pooling);
    if (!request.rank && chosen == Pooling::kRank)
        return refuse(
            ErrorCode::kInvalidArgument, "model",
            "This model ranks pairs of texts and gives no vectors, unless another pooling is chosen.");
    if (request.texts.empty())
        return refuse(ErrorCode::kInvalidArgument, "input",
                      "The input is empty: it needs at least one text.");
    if (request.deadline && request.deadline->count() <= 0)
        return refuse(ErrorCode::kInvalidArgument, "timeout", "The time allowed must be more than 0 s.");
    for (size_t i = 0; i < request.texts.size(); ++i) {
        const auto checked = check_embed_text(spec, request.texts[i], tokens_max);
        if (checked) continue;
        return refuse(checked.error().code, request.texts.size() == 1 ? "input" : fmt::format("input[{}]", i),
                      fmt::format("Text {} cannot be taken: {}.", i, checked.error().message));
    }
    return chosen;
}

}  // namespace airframe
