#include "shimmy/api/openai_completions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "base/utf8.h"
#include "shimmy/api/openai_texts.h"

namespace shimmy {

namespace json = boost::json;

namespace {

constexpr int64_t kDefaultMaxTokens = 16;  // OpenAI's
constexpr int64_t kMaxTokensMax = std::numeric_limits<int32_t>::max();
constexpr int64_t kTopLogprobsMax = 5;
constexpr size_t kChoicesMax = 128;  // prompts times n

base::Result<std::vector<Prompt>> parse_prompts(const Fields& fields) {
    TRY(std::vector<TextOrIds> texts, parse_texts(fields, "prompt", "send the text to continue."));
    std::vector<Prompt> prompts;
    for (TextOrIds& text : texts)
        std::visit([&](auto& content) { prompts.emplace_back(std::move(content)); }, text);
    return prompts;
}

base::Result<void> parse_best_of(const Fields& fields, GenerateRequest& request) {
    TRY(const auto best_of, fields.integer("best_of", 1, kChoicesMax));
    if (!best_of) return {};
    if (*best_of < request.n) {
        return std::unexpected(
            bad_value("best_of", fmt::format("is {}, less than n = {}.", *best_of, request.n)));
    }
    request.best_of = static_cast<uint32_t>(*best_of);
    return {};
}

}  // namespace

base::Result<void> check_streamable(const OpenAiCall& call) {
    if (!call.stream || call.request.best_of <= call.request.n) return {};
    return std::unexpected(bad_value(
        "best_of",
        fmt::format("is {}, more than n = {}, and which are the best shows at the end: it cannot be "
                    "streamed.",
                    call.request.best_of, call.request.n)));
}

base::Result<OpenAiCall> parse_openai_completions(const json::object& body) {
    const Fields fields(body, "");
    TRY(OpenAiCall call, parse_openai_common(fields));
    TRY(call.request.prompts, parse_prompts(fields));
    TRY_VOID(parse_best_of(fields, call.request));
    const uint32_t of_each = std::max(call.request.n, call.request.best_of);
    if (call.request.prompts.size() > kChoicesMax / of_each) {
        return std::unexpected(bad_value(
            "prompt",
            fmt::format("has {} entries; with {} = {} at most {} are allowed.", call.request.prompts.size(),
                        of_each > call.request.n ? "best_of" : "n", of_each, kChoicesMax / of_each)));
    }
    TRY_VOID(check_streamable(call));
    TRY(const auto max_tokens, fields.integer("max_tokens", 0, kMaxTokensMax));
    call.request.max_tokens = static_cast<int32_t>(max_tokens.value_or(kDefaultMaxTokens));
    TRY(const auto suffix, fields.string("suffix"));
    if (suffix && !suffix->empty()) call.request.suffix = std::string(*suffix);
    TRY(call.request.truncate, parse_truncation(fields));
    if (call.request.truncate && call.request.suffix) {
        return std::unexpected(bad_value(
            "truncation", "cannot be 'auto' beside 'suffix': shorten the prompt around the gap yourself."));
    }
    TRY(const auto echo, fields.boolean("echo"));
    call.request.echo = echo.value_or(false);
    TRY(const auto logprobs, fields.integer("logprobs", 0, kTopLogprobsMax));
    if (logprobs) call.request.top_logprobs = static_cast<int32_t>(*logprobs);
    return call;
}

namespace {

class CompletionsEncoder final : public OpenAiEncoder {
  public:
    CompletionsEncoder(OpenAiIdentity identity, const OpenAiCall& call)
        : OpenAiEncoder(std::move(identity), {"text_completion", "text_completion"}, call.include_usage) {}

  protected:
    void stream_start(std::string&) const override {}

    void write_delta(JsonWriter& json, const TextDelta& delta) override {
        json.key("text").value(delta.text).key("logprobs");
        write_logprobs(json, delta.logprobs);
    }

    void write_end_delta(JsonWriter& json) const override {
        json.key("text").value("").key("logprobs").null();
    }

    void write_choice(JsonWriter& json, const Completion::Choice& choice) override {
        json.key("text").value(choice.text).key("logprobs");
        write_logprobs(json, choice.logprobs);
    }

  private:
    // {tokens, token_logprobs, top_logprobs, text_offset}
    static void write_logprobs(JsonWriter& json, const std::vector<TokenInfo>& tokens) {
        if (tokens.empty()) {
            json.null();
            return;
        }
        json.begin_object().key("tokens").begin_array();
        for (const TokenInfo& token : tokens) json.value(token.chosen.bytes);
        json.end_array().key("token_logprobs").begin_array();
        for (const TokenInfo& token : tokens) write_logprob(json, token.chosen.logprob);
        json.end_array().key("top_logprobs").begin_array();
        for (const TokenInfo& token : tokens) {
            if (std::isnan(token.chosen.logprob))
                json.null();
            else
                write_top(json, token);
        }
        json.end_array().key("text_offset").begin_array();
        for (const TokenInfo& token : tokens) json.value(token.text_offset);
        json.end_array().end_object();
    }

    // Null for the first token of a prompt, which nothing predicts.
    static void write_logprob(JsonWriter& json, float logprob) {
        if (std::isnan(logprob))
            json.null();
        else
            json.value(static_cast<double>(logprob));
    }

    // The likeliest tokens, and the chosen one if it is none of them.
    static void write_top(JsonWriter& json, const TokenInfo& token) {
        std::set<std::string> seen;  // two tokens may read the same
        json.begin_object();
        const auto write = [&](const TokenChoice& choice) {
            std::string text = base::to_valid_utf8(choice.bytes);
            if (!seen.insert(text).second) return;
            json.any_key(text).value(static_cast<double>(choice.logprob));
        };
        for (const TokenChoice& top : token.top) write(top);
        write(token.chosen);
        json.end_object();
    }
};

}  // namespace

std::unique_ptr<Encoder> openai_completions_encoder(OpenAiIdentity identity, const OpenAiCall& call) {
    return std::make_unique<CompletionsEncoder>(std::move(identity), call);
}

}  // namespace shimmy
