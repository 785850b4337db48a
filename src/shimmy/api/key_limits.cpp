#include "shimmy/api/key_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <optional>

#include "base/log.h"

namespace shimmy {

using base::ErrorCode;

namespace {

constexpr double kMinuteSeconds = 60;
constexpr uint32_t kLimitMax = 1'000'000;

struct LimitName {
    std::string_view name;
    uint32_t KeyLimits::* field;
};
constexpr LimitName kLimits[] = {{"rpm", &KeyLimits::requests_per_minute},
                                 {"concurrent", &KeyLimits::concurrent}};

std::optional<uint32_t> parse_count(std::string_view text) {
    uint32_t value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size() || value < 1 || value > kLimitMax)
        return std::nullopt;
    return value;
}

// As OpenAI writes it: "1s", "250ms".
std::string duration(double seconds) {
    return seconds < 1 ? fmt::format("{}ms", std::lround(seconds * 1e3)) : fmt::format("{:.3g}s", seconds);
}

class LimitedReply final : public Reply {
  public:
    LimitedReply(std::unique_ptr<Reply> reply, KeyUse::Permit permit, KeyUse::Headers headers)
        : reply_(std::move(reply)), permit_(std::move(permit)), headers_(std::move(headers)) {}

    void on_ready(std::function<void()> wake) override { reply_->on_ready(std::move(wake)); }
    void pump(ReplyOutput& output) override {
        reply_->pump(output);
        if (output.has_head) std::ranges::move(headers_, std::back_inserter(output.head.headers));
    }
    std::string_view keep_alive() const override { return reply_->keep_alive(); }
    size_t receive(std::string_view bytes) override { return reply_->receive(bytes); }
    bool awaits_client() const override { return reply_->awaits_client(); }

  private:
    const std::unique_ptr<Reply> reply_;
    const KeyUse::Permit permit_;
    KeyUse::Headers headers_;
};

}  // namespace

base::Result<KeyLimits> parse_key_limits(std::string_view text) {
    KeyLimits limits;
    while (!text.empty()) {
        const size_t begin = text.find_first_not_of(" \t");
        if (begin == std::string_view::npos) break;
        const std::string_view word = text.substr(begin, text.find_first_of(" \t", begin) - begin);
        text.remove_prefix(begin + word.size());
        const size_t equals = std::min(word.find('='), word.size());
        const auto* limit = std::ranges::find(kLimits, word.substr(0, equals), &LimitName::name);
        const auto value = parse_count(word.substr(std::min(equals + 1, word.size())));
        if (limit == std::end(kLimits) || !value) {
            return base::fail(
                ErrorCode::kInvalidArgument,
                "'{}' is not a limit: write rpm=N (requests a minute) or concurrent=N (requests at "
                "once), N from 1 to {}",
                base::printable(word), kLimitMax);
        }
        limits.*limit->field = *value;
    }
    return limits;
}

void KeyUse::refill(Time now) {
    const double seconds = std::max(0.0, std::chrono::duration<double>(now - refilled_).count());
    const double most = limits_.requests_per_minute;
    tokens_ = std::min(most, tokens_ + seconds * most / kMinuteSeconds);
    refilled_ = now;
}

double KeyUse::seconds_until(double tokens) const {
    return std::max(0.0, tokens - tokens_) * kMinuteSeconds / limits_.requests_per_minute;
}

KeyUse::Verdict KeyUse::enter(Time now) {
    constexpr double kBusyRetrySeconds = 1;
    std::lock_guard lock(mutex_);
    const bool has_rate = limits_.requests_per_minute > 0;
    refill(now);
    const bool too_many = limits_.concurrent > 0 && running_ >= limits_.concurrent;
    const bool too_fast = has_rate && tokens_ < 1;
    Headers headers;
    if (too_many || too_fast) {
        const double wait_s = std::max(too_fast ? seconds_until(1) : 0, too_many ? kBusyRetrySeconds : 0);
        headers.emplace_back("Retry-After",
                             std::to_string(static_cast<int64_t>(std::ceil(std::max(wait_s, 1.0)))));
        headers.emplace_back("retry-after-ms",
                             std::to_string(std::max(1L, std::lround(std::ceil(wait_s * 1e3)))));
    } else if (has_rate) {
        tokens_ -= 1;
    }
    if (has_rate) {
        headers.emplace_back("x-ratelimit-limit-requests", std::to_string(limits_.requests_per_minute));
        headers.emplace_back("x-ratelimit-remaining-requests", std::to_string(static_cast<int64_t>(tokens_)));
        headers.emplace_back("x-ratelimit-reset-requests",
                             duration(seconds_until(limits_.requests_per_minute)));
    }
    if (too_many || too_fast) {
        const std::string limit = too_many ? fmt::format("{} requests at once", limits_.concurrent)
                                           : fmt::format("{} requests a minute", limits_.requests_per_minute);
        return {
            std::unexpected(base::Error{ErrorCode::kQueueFull,
                                        fmt::format("This API key is limited to {}; try again later.", limit),
                                        {},
                                        "rate_limit_exceeded"}),
            std::move(headers)};
    }
    ++running_;
    return {Permit(shared_from_this()), std::move(headers)};
}

void KeyUse::leave() {
    std::lock_guard lock(mutex_);
    --running_;
}

void KeyUse::change(KeyLimits limits) {
    std::lock_guard lock(mutex_);
    if (limits_.requests_per_minute == 0) tokens_ = limits.requests_per_minute;
    limits_ = limits;
}

std::unique_ptr<Reply> limited_reply(std::unique_ptr<Reply> reply, KeyUse::Permit permit,
                                     KeyUse::Headers headers) {
    return std::make_unique<LimitedReply>(std::move(reply), std::move(permit), std::move(headers));
}

}  // namespace shimmy
