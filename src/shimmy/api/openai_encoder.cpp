#include "shimmy/api/openai_encoder.h"

#include <cmath>
#include <utility>

#include "shimmy/api/errors.h"
#include "shimmy/api/openai_common.h"

namespace shimmy {

namespace {

constexpr std::string_view kSseBegin = "data: ";
constexpr std::string_view kSseEnd = "\n\n";
constexpr std::string_view kSseDone = "data: [DONE]\n\n";
constexpr std::string_view kSystemFingerprint = "fp_shimmy";

double rounded(double value) { return std::round(value * 1e3) / 1e3; }
double per_second(int32_t count, double seconds) { return seconds > 0 ? rounded(count / seconds) : 0; }

void write_usage(JsonWriter& json, const Totals& totals) {
    const airframe::Usage& usage = totals.usage;
    json.begin_object();
    json.key("prompt_tokens").value(usage.prompt_tokens);
    json.key("completion_tokens").value(usage.completion_tokens);
    json.key("total_tokens").value(usage.prompt_tokens + usage.completion_tokens);
    json.key("prompt_tokens_details")
        .begin_object()
        .key("cached_tokens")
        .value(usage.cached_tokens)
        .end_object();
    json.key("completion_tokens_details")
        .begin_object()
        .key("reasoning_tokens")
        .value(totals.reasoning_tokens)
        .end_object();
    json.end_object();
}

// Our extension: which part took how long.
void write_timings(JsonWriter& json, const airframe::Usage& usage, const airframe::Timings& timings) {
    const int32_t prompt_n = usage.prompt_tokens - usage.cached_tokens;
    json.begin_object();
    json.key("queue_ms").value(rounded(timings.queue_s * 1e3));
    json.key("ttft_ms").value(rounded((timings.queue_s + timings.prefill_s) * 1e3));
    json.key("cache_n").value(usage.cached_tokens);
    json.key("prompt_n").value(prompt_n);
    json.key("prompt_ms").value(rounded(timings.prefill_s * 1e3));
    json.key("prompt_per_second").value(per_second(prompt_n, timings.prefill_s));
    json.key("predicted_n").value(usage.completion_tokens);
    json.key("predicted_ms").value(rounded(timings.decode_s * 1e3));
    json.key("predicted_per_second").value(per_second(usage.completion_tokens, timings.decode_s));
    if (timings.draft_tokens > 0) {  // speculative decoding: guesses checked, and those that came true
        json.key("draft_n").value(timings.draft_tokens);
        json.key("draft_n_accepted").value(timings.draft_tokens_accepted);
    }
    json.end_object();
}

void write_cut(JsonWriter& json, const std::optional<Truncation>& truncation) {
    if (!truncation) return;
    json.key("truncation");
    write_truncation(json, *truncation);
}

}  // namespace

void write_truncation(JsonWriter& json, const Truncation& truncation) {
    json.begin_object().key("messages").value(truncation.messages);
    json.key("tokens").value(truncation.tokens).end_object();
}

OpenAiEncoder::OpenAiEncoder(OpenAiIdentity identity, OpenAiObjects objects, bool include_usage)
    : identity_(std::move(identity)),
      objects_(objects),
      include_usage_(include_usage),
      chunk_head_(std::string(kSseBegin) + head(objects.chunk)) {}

std::string_view OpenAiEncoder::finish_reason(airframe::FinishReason reason, size_t) const {
    return reason == airframe::FinishReason::kLength ? "length" : "stop";
}

// Everything up to the value of "choices".
std::string OpenAiEncoder::head(std::string_view object) const {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("id").value(identity_.id).key("object").value(object);
    json.key("created").value(identity_.created).key("model").value(identity_.model);
    json.key("system_fingerprint").value(kSystemFingerprint).key("choices");
    return out;
}

JsonWriter OpenAiEncoder::begin_chunk(std::string& out, uint32_t choice) const {
    out += chunk_head_;
    JsonWriter json(out);
    json.begin_array().begin_object().key("index").value(choice);
    return json;
}

void OpenAiEncoder::end_chunk(JsonWriter& json, std::string& out, const ChoiceEnd* end) const {
    if (end != nullptr) {
        json.key("finish_reason").value(finish_reason(end->reason, end->tool_calls));
    } else {
        json.key("finish_reason").null();
    }
    json.end_object().end_array();
    if (include_usage_) json.key("usage").null();
    if (end != nullptr) {
        json.key("timings");
        write_timings(json, end->usage, end->timings);
        write_cut(json, truncation_);
    }
    json.end_object();
    out += kSseEnd;
}

void OpenAiEncoder::stream(const GenerationEvent& event, std::string& out) {
    if (const auto* started = std::get_if<Started>(&event)) {
        truncation_ = started->truncation;
        stream_start(out);
    } else if (const auto* delta = std::get_if<TextDelta>(&event)) {
        JsonWriter json = begin_chunk(out, delta->choice);
        write_delta(json, *delta);
        end_chunk(json, out);
    } else if (const auto* call = std::get_if<ToolCallDelta>(&event)) {
        JsonWriter json = begin_chunk(out, call->choice);
        write_call(json, *call);
        end_chunk(json, out);
    } else if (const auto* end = std::get_if<ChoiceEnd>(&event)) {
        JsonWriter json = begin_chunk(out, end->choice);
        write_end_delta(json);
        end_chunk(json, out, end);
    } else if (const auto* all = std::get_if<GenerationEnd>(&event)) {
        if (include_usage_) {
            out += chunk_head_;
            JsonWriter json(out);
            json.begin_array().end_array().key("usage");
            write_usage(json, all->totals);
            write_cut(json, truncation_);
            json.end_object();
            out += kSseEnd;
        }
        out += kSseDone;
    }
}

void OpenAiEncoder::stream_fault(const base::Error& error, std::string& out) {
    out += kSseBegin;
    out += openai_error_body(error);
    out += kSseEnd;
}

Response OpenAiEncoder::refusal(const base::Error& error) { return openai_refusal(error); }

std::string OpenAiEncoder::whole(const Completion& completion) {
    std::string out = head(objects_.whole);
    JsonWriter json(out);
    json.begin_array();
    for (size_t i = 0; i < completion.choices.size(); ++i) {
        json.begin_object().key("index").value(i);
        write_choice(json, completion.choices[i]);
        const Completion::Choice& choice = completion.choices[i];
        json.key("finish_reason").value(finish_reason(choice.reason, choice.calls.size()));
        json.end_object();
    }
    json.end_array().key("usage");
    write_usage(json, completion.totals);
    json.key("timings");
    write_timings(json, completion.totals.usage, completion.totals.timings);
    write_cut(json, completion.totals.truncation);
    json.end_object();
    return out;
}

}  // namespace shimmy
