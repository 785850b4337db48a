#include "shimmy/api/completion_reply.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

namespace shimmy {

namespace {

// https://www.w3.org/TR/server-timing/
constexpr std::string_view kServerTiming = "Server-Timing";

std::string queue_timing(double queue_s) { return fmt::format("queue;dur={:.1f}", queue_s * 1e3); }
std::string server_timing(const airframe::Timings& timings) {
    return fmt::format("{}, prompt;dur={:.1f}, decode;dur={:.1f}", queue_timing(timings.queue_s),
                       timings.prefill_s * 1e3, timings.decode_s * 1e3);
}

constexpr int kPumpEvents = 256;  // then other connections have their turn

class CompletionReply final : public Reply {
  public:
    CompletionReply(std::unique_ptr<Generation> generation, std::unique_ptr<Encoder> encoder, bool stream)
        : generation_(std::move(generation)), encoder_(std::move(encoder)), stream_(stream) {}

    void on_ready(std::function<void()> wake) override { generation_->on_ready(std::move(wake)); }

    std::string_view keep_alive() const override {
        return stream_begun_ ? encoder_->keep_alive() : std::string_view();
    }

    void pump(ReplyOutput& output) override {
        for (int taken = 0; output.state != ReplyOutput::State::kDone; ++taken) {
            if (taken == kPumpEvents || output.body.size() >= kPumpBytes) {
                output.state = ReplyOutput::State::kMore;
                return;
            }
            auto event = generation_->try_next();
            if (!event) return;
            if (const auto* fault = std::get_if<GenerationFault>(&*event)) {
                on_fault(fault->error, output);
            } else if (stream_) {
                on_stream_event(*event, output);
            } else {
                collect(std::move(*event), output);
            }
        }
    }

  private:
    void on_fault(const base::Error& error, ReplyOutput& output) {
        if (stream_begun_) {
            encoder_->stream_fault(error, output.body);
        } else {
            Response refusal = encoder_->refusal(error);
            output.head = std::move(refusal.head);
            output.has_head = true;
            output.body = std::move(refusal.body);
        }
        output.state = ReplyOutput::State::kDone;
    }

    void on_stream_event(const GenerationEvent& event, ReplyOutput& output) {
        if (!std::exchange(stream_begun_, true)) begin_stream(event, output);
        encoder_->stream(event, output.body);
        if (const auto* end = std::get_if<GenerationEnd>(&event)) {
            output.trailer = server_timing(end->totals.timings);
            output.state = ReplyOutput::State::kDone;
        }
    }

    // Nothing is computed yet: the head tells how long the request waited, the trailer the rest.
    void begin_stream(const GenerationEvent& event, ReplyOutput& output) const {
        output.head = {.status = 200,
                       .content_type = encoder_->stream_content_type(),
                       .headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}},
                       .streamed = true,
                       .trailer = kServerTiming};
        if (const auto* started = std::get_if<Started>(&event))
            output.head.headers.emplace_back(kServerTiming, queue_timing(started->queue_s));
        output.has_head = true;
    }

    Completion::Choice& choice(uint32_t index) {
        if (completion_.choices.size() <= index) completion_.choices.resize(index + 1);
        return completion_.choices[index];
    }

    void collect(GenerationEvent event, ReplyOutput& output) {
        if (auto* delta = std::get_if<TextDelta>(&event)) {
            Completion::Choice& to = choice(delta->choice);
            (delta->reasoning ? to.reasoning : to.text) += delta->text;
            std::ranges::move(delta->logprobs, std::back_inserter(to.logprobs));
        } else if (auto* call = std::get_if<ToolCallDelta>(&event)) {
            auto& calls = choice(call->choice).calls;
            if (calls.size() <= call->call) calls.resize(call->call + 1);
            if (!call->id.empty()) calls[call->call] = {std::move(call->id), std::move(call->name), {}};
            calls[call->call].arguments += call->arguments;
        } else if (auto* end = std::get_if<ChoiceEnd>(&event)) {
            Completion::Choice& to = choice(end->choice);
            to.reason = end->reason;
            to.stop_sequence = std::move(end->stop_sequence);
        } else if (auto* all = std::get_if<GenerationEnd>(&event)) {
            completion_.totals = all->totals;
            output.has_head = true;
            output.head.headers.emplace_back(kServerTiming, server_timing(completion_.totals.timings));
            output.body = encoder_->whole(completion_);
            output.state = ReplyOutput::State::kDone;
        }
    }

    std::unique_ptr<Generation> generation_;
    std::unique_ptr<Encoder> encoder_;
    const bool stream_;
    bool stream_begun_ = false;
    Completion completion_;
};

}  // namespace

std::unique_ptr<Reply> completion_reply(std::unique_ptr<Generation> generation,
                                        std::unique_ptr<Encoder> encoder, bool stream) {
    return std::make_unique<CompletionReply>(std::move(generation), std::move(encoder), stream);
}

}  // namespace shimmy
