#include "shimmy/app/serve_bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/rng.h"

namespace shimmy {
namespace {

using airframe::Engine;
using airframe::EngineRequest;
using airframe::EventStream;

// What one stream saw, in seconds since it was submitted.
struct Seen {
    std::vector<double> token_at;
    airframe::Timings timings;
    std::string error;
};

EngineRequest random_request(const Engine& engine, uint64_t seed, const ServeLengths& lengths) {
    base::Rng rng(seed);
    EngineRequest request;
    const auto vocab =
        std::min<uint64_t>(engine.spec().vocab, static_cast<uint64_t>(engine.tokenizer().vocab_size()));
    for (uint32_t i = 0; i < lengths.prompt_tokens; ++i)
        request.prompt.push_back(static_cast<airframe::TokenId>(rng.next_below(vocab)));
    request.sampling.seed = seed;
    request.max_tokens = static_cast<int32_t>(lengths.output_tokens);
    request.ignore_eos = true;
    return request;
}

void read_all(EventStream& stream, base::Clock::time_point submitted, Seen& seen,
              std::atomic<size_t>& tokens) {
    while (auto event = stream.next()) {
        if (const auto* delta = std::get_if<airframe::Delta>(&*event)) {
            const double now = base::seconds_since(submitted);
            for (size_t i = 0; i < delta->tokens.size(); ++i) seen.token_at.push_back(now);
            tokens += delta->tokens.size();
        } else if (const auto* finished = std::get_if<airframe::Finished>(&*event)) {
            seen.timings = finished->timings;
        } else if (const auto* failed = std::get_if<airframe::Failed>(&*event)) {
            seen.error = failed->error.message;
        }
    }
}

// Reads many streams, each on a thread of its own.
class Readers {
  public:
    explicit Readers(size_t most) { seen_.reserve(most); }

    base::Result<void> add(Engine& engine, EngineRequest request) {
        const auto submitted = base::Clock::now();
        TRY(std::shared_ptr<EventStream> stream, engine.submit(std::move(request)));
        streams_.push_back(stream);
        seen_.push_back(std::make_unique<Seen>());
        threads_.emplace_back([stream, submitted, this, seen = seen_.back().get()] {
            read_all(*stream, submitted, *seen, tokens_);
        });
        return {};
    }
    void cancel() {
        for (const auto& stream : streams_) stream->cancel();
    }
    // Waits for the end of all. Errors: kInternal with what a stream was told.
    base::Result<void> finish() {
        threads_.clear();
        for (const auto& seen : seen_)
            if (!seen->error.empty()) return base::fail(base::ErrorCode::kInternal, "{}", seen->error);
        return {};
    }
    size_t tokens() const { return tokens_; }
    const Seen& seen(size_t i) const { return *seen_[i]; }
    size_t size() const { return seen_.size(); }

  private:
    std::atomic<size_t> tokens_{0};
    std::vector<std::unique_ptr<Seen>> seen_;
    std::vector<std::shared_ptr<EventStream>> streams_;
    std::vector<std::jthread> threads_;
};

double at_share(const std::vector<double>& sorted, double share) {
    if (sorted.empty()) return 0;
    return sorted[std::min(sorted.size() - 1,
                           static_cast<size_t>(share * static_cast<double>(sorted.size())))];
}

Percentiles percentiles(std::vector<double> samples) {
    std::ranges::sort(samples);
    return {at_share(samples, 0.5), at_share(samples, 0.95), at_share(samples, 0.99),
            samples.empty() ? 0 : samples.back()};
}

void add_gaps(const Seen& seen, double from_s, double to_s, std::vector<double>& gaps) {
    for (size_t i = 1; i < seen.token_at.size(); ++i)
        if (seen.token_at[i] >= from_s && seen.token_at[i] <= to_s)
            gaps.push_back(seen.token_at[i] - seen.token_at[i - 1]);
}

}  // namespace

base::Result<ServeLoad> measure_load(Engine& engine, uint32_t streams, const ServeLengths& lengths) {
    const auto start = base::Clock::now();
    Readers readers(streams);
    for (uint32_t i = 0; i < streams; ++i)
        TRY_VOID(readers.add(engine, random_request(engine, uint64_t{streams} << 32 | i, lengths)));
    TRY_VOID(readers.finish());
    ServeLoad load{.streams = streams, .seconds = base::seconds_since(start)};
    std::vector<double> first, gaps;
    double accepted = 0;
    for (size_t i = 0; i < readers.size(); ++i) {
        const Seen& seen = readers.seen(i);
        if (!seen.token_at.empty()) first.push_back(seen.token_at.front());
        add_gaps(seen, 0, load.seconds, gaps);
        accepted += seen.timings.draft_tokens_accepted;
    }
    const auto outputs = static_cast<double>(readers.tokens());
    load.output_tokens_per_s = outputs / load.seconds;
    load.all_tokens_per_s = (outputs + static_cast<double>(streams) * lengths.prompt_tokens) / load.seconds;
    load.accepted_draft_share = outputs > 0 ? accepted / outputs : 0;
    load.first_token_s = percentiles(std::move(first));
    load.between_tokens_s = percentiles(std::move(gaps));
    return load;
}

base::Result<LongPrompt> measure_long_prompt(Engine& engine, uint32_t streams, uint32_t prompt_tokens) {
    constexpr uint32_t kShortPrompt = 32, kWarmTokens = 24;
    const auto start = base::Clock::now();
    const ServeLengths lengths{kShortPrompt, engine.ctx_tokens() - kShortPrompt};
    Readers running(streams), arriving(1);
    for (uint32_t i = 0; i < streams; ++i)
        TRY_VOID(running.add(engine, random_request(engine, 1000 + i, lengths)));
    while (running.tokens() < size_t{kWarmTokens} * streams)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const double arrived_s = base::seconds_since(start);
    TRY_VOID(arriving.add(engine, random_request(engine, 1, {prompt_tokens, 1})));
    TRY_VOID(arriving.finish());
    const double computed_s = base::seconds_since(start);
    running.cancel();
    TRY_VOID(running.finish());
    std::vector<double> before, during;
    for (size_t i = 0; i < running.size(); ++i) {
        add_gaps(running.seen(i), 0, arrived_s, before);
        add_gaps(running.seen(i), arrived_s, computed_s, during);
    }
    return LongPrompt{.streams = streams,
                      .prompt_tokens = prompt_tokens,
                      .first_token_s = computed_s - arrived_s,
                      .quiet_median_s = percentiles(std::move(before)).p50,
                      .between_tokens_s = percentiles(std::move(during))};
}

std::string throughput_svg(const std::string& title, const std::vector<ServeLoad>& loads) {
    constexpr double kWidth = 640, kHeight = 360, kLeft = 60, kRight = 20, kTop = 40, kBottom = 50;
    double most_streams = 1, most_rate = 1;
    for (const ServeLoad& load : loads) {
        most_streams = std::max<double>(most_streams, load.streams);
        most_rate = std::max(most_rate, load.output_tokens_per_s);
    }
    const auto x = [&](double streams) { return kLeft + streams / most_streams * (kWidth - kLeft - kRight); };
    const auto y = [&](double rate) {
        return kHeight - kBottom - rate / most_rate * (kHeight - kTop - kBottom);
    };
    std::string points, marks;
    for (const ServeLoad& load : loads) {
        const double px = x(load.streams), py = y(load.output_tokens_per_s);
        points += fmt::format("{:.1f},{:.1f} ", px, py);
        marks += fmt::format(
            "<circle cx=\"{0:.1f}\" cy=\"{1:.1f}\" r=\"4\" fill=\"#2563eb\"/>"
            "<text x=\"{0:.1f}\" y=\"{2:.1f}\" text-anchor=\"middle\">{3:.0f}</text>"
            "<text x=\"{0:.1f}\" y=\"{4:.1f}\" text-anchor=\"middle\">{5}</text>\n",
            px, py, py - 10, load.output_tokens_per_s, kHeight - kBottom + 18, load.streams);
    }
    std::string safe;
    for (const char c : title) safe += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" font-family=\"sans-serif\" "
        "font-size=\"12\">\n<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n"
        "<text x=\"{2}\" y=\"20\" font-size=\"14\">{3}</text>\n"
        "<path d=\"M{2} {4}V{5}H{6}\" fill=\"none\" stroke=\"black\"/>\n"
        "<polyline points=\"{7}\" fill=\"none\" stroke=\"#2563eb\" stroke-width=\"2\"/>\n{8}"
        "<text x=\"{9}\" y=\"{10}\" text-anchor=\"middle\">streams</text>\n"
        "<text x=\"16\" y=\"{11}\" transform=\"rotate(-90 16 {11})\" text-anchor=\"middle\">output tokens "
        "per "
        "second</text>\n</svg>\n",
        kWidth, kHeight, kLeft, safe, kTop, kHeight - kBottom, kWidth - kRight, points, marks, kWidth / 2,
        kHeight - 12, kHeight / 2);
}

}  // namespace shimmy
