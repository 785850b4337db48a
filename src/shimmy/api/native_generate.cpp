// POST /api/generate, the original Shimmy's own shape, and POST /infill, which fills a gap in a text.
#include <limits>
#include <utility>

#include "shimmy/api/completion_handler.h"
#include "shimmy/api/json_read.h"
#include "shimmy/api/json_write.h"
#include "shimmy/api/native_generate.h"
#include "shimmy/api/openai_chat.h"
#include "shimmy/api/openai_completions.h"

namespace shimmy {

namespace json = boost::json;

namespace {

constexpr int32_t kGenerateTokens = 256;  // the original's default

base::Result<void> want_one_choice(const OpenAiCall& call) {
    if (call.choices() == 1) return {};
    return std::unexpected(bad_value("n", "must be 1 here: this route tells one answer."));
}

// ---- /api/generate

// `system` counts with messages only, as in the original; a prompt goes to the model as it is.
base::Result<OpenAiCall> parse_conversation(const json::object& body) {
    json::object chat = body;
    for (const char* unknown : {"prompt", "tools", "functions", "tool_choice"}) chat.erase(unknown);
    TRY(const auto system, Fields(body, "").string("system"));
    if (system) {
        if (json::value* messages = chat.if_contains("messages"); messages->is_array()) {
            json::array& list = messages->get_array();
            list.insert(list.begin(), json::object{{"role", "system"}, {"content", *system}});
        }
    }
    return parse_openai_chat(chat);
}

}  // namespace

base::Result<OpenAiCall> parse_generate(const json::object& body) {
    const Fields fields(body, "");
    const bool is_chat = fields.find("messages") != nullptr;
    if (!is_chat && fields.find("prompt") == nullptr)
        return std::unexpected(missing("prompt", "send a prompt or messages."));
    TRY(OpenAiCall call, is_chat ? parse_conversation(body) : parse_openai_completions(body));
    TRY_VOID(want_one_choice(call));
    if (fields.find("max_tokens") == nullptr) call.request.max_tokens = kGenerateTokens;
    TRY(const auto stream, fields.boolean("stream"));
    call.stream = stream.value_or(true);
    return call;
}

namespace {

// The stream is plain text, which has no place to tell what was cut.
base::Result<OpenAiCall> parse_generate_body(const json::object& body) {
    TRY(OpenAiCall call, parse_generate(body));
    TRY_VOID(check_streamable(call));
    if (call.stream && call.request.truncate)
        return std::unexpected(bad_value("truncation", "cannot be 'auto' here unless 'stream' is false."));
    return call;
}

}  // namespace

void write_plain_usage(JsonWriter& out, const airframe::Usage& usage) {
    out.begin_object().key("prompt_tokens").value(usage.prompt_tokens);
    out.key("completion_tokens").value(usage.completion_tokens);
    out.key("total_tokens").value(usage.prompt_tokens + usage.completion_tokens).end_object();
}

namespace {

// Server-sent events with the text itself: a line each, as an event knows no line ends within one.
void append_text_event(std::string_view text, std::string& out) {
    out += "data: ";
    for (size_t i = 0; i < text.size(); ++i) {
        const bool line_end = text[i] == '\n' || text[i] == '\r';
        if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') ++i;
        if (line_end) {
            out += "\ndata: ";
        } else {
            out += text[i];
        }
    }
    out += "\n\n";
}

class GenerateEncoder final : public Encoder {
  public:
    void stream(const GenerationEvent& event, std::string& out) override {
        const auto* delta = std::get_if<TextDelta>(&event);
        if (delta != nullptr && !delta->reasoning && !delta->text.empty())
            append_text_event(delta->text, out);
        if (std::holds_alternative<GenerationEnd>(event)) out += "data: [DONE]\n\n";
    }
    void stream_fault(const base::Error& error, std::string& out) override {
        append_text_event("[ERROR] " + error.message, out);
        out += "data: [DONE]\n\n";
    }
    std::string whole(const Completion& completion) override {
        const Completion::Choice& choice = completion.choices.front();
        const bool by_length = choice.reason == airframe::FinishReason::kLength;
        std::string body;
        JsonWriter out(body);
        out.begin_object().key("response").value(choice.text).key("choices").begin_array().begin_object();
        out.key("index").value(0).key("text").value(choice.text).key("finish_reason");
        out.value(by_length ? "length" : "stop").end_object().end_array().key("usage");
        write_plain_usage(out, completion.totals.usage);
        if (const auto& truncation = completion.totals.truncation) {
            out.key("truncation");
            write_truncation(out, *truncation);
        }
        out.end_object();
        return body;
    }
    Response refusal(const base::Error& error) override { return openai_refusal(error); }
};

std::unique_ptr<Encoder> generate_encoder(OpenAiIdentity, const OpenAiCall&) {
    return std::make_unique<GenerateEncoder>();
}

// ---- /infill

base::Result<OpenAiCall> parse_infill(const json::object& body) {
    constexpr UnsupportedField kUnsupported[] = {
        {"prompt", "Put the text before the gap into 'input_prefix'."},
        {"input_extra", "Put what the model should know into 'input_prefix'."}};
    const Fields fields(body, "");
    TRY(OpenAiCall call, parse_openai_common(fields));
    TRY_VOID(refuse_unsupported(fields, kUnsupported));
    TRY(const auto before, fields.string("input_prefix"));
    TRY(const auto after, fields.string("input_suffix"));
    if (!before && !after)
        return std::unexpected(missing("input_prefix", "send the texts before and after the gap."));
    call.request.prompts.emplace_back(std::string(before.value_or("")));
    call.request.suffix = std::string(after.value_or(""));
    TRY_VOID(want_one_choice(call));
    TRY(const auto n_predict, fields.integer("n_predict", -1, std::numeric_limits<int32_t>::max()));
    TRY(const auto max_tokens, fields.integer("max_tokens", 0, std::numeric_limits<int32_t>::max()));
    call.request.max_tokens = static_cast<int32_t>(n_predict.value_or(max_tokens.value_or(-1)));
    return call;
}

std::string_view stop_type(airframe::FinishReason reason, const std::string& stop_sequence) {
    if (reason == airframe::FinishReason::kLength) return "limit";
    return stop_sequence.empty() ? "eos" : "word";
}

class InfillEncoder final : public Encoder {
  public:
    explicit InfillEncoder(std::string model) : model_(std::move(model)) {}

    void stream(const GenerationEvent& event, std::string& out) override {
        if (const auto* end = std::get_if<ChoiceEnd>(&event)) {
            end_.reason = end->reason;
            end_.stop_sequence = end->stop_sequence;
        } else if (const auto* delta = std::get_if<TextDelta>(&event)) {
            out += "data: ";
            JsonWriter(out)
                .begin_object()
                .key("content")
                .value(delta->text)
                .key("stop")
                .value(false)
                .end_object();
            out += "\n\n";
        } else if (const auto* all = std::get_if<GenerationEnd>(&event)) {
            out += "data: ";
            write_end(end_, all->totals.usage, out);
            out += "\n\n";
        }
    }
    void stream_fault(const base::Error& error, std::string& out) override {
        out += "data: " + openai_refusal(error).body + "\n\n";
    }
    std::string whole(const Completion& completion) override {
        std::string body;
        write_end(completion.choices.front(), completion.totals.usage, body);
        return body;
    }
    Response refusal(const base::Error& error) override { return openai_refusal(error); }

  private:
    void write_end(const Completion::Choice& choice, const airframe::Usage& usage, std::string& body) const {
        JsonWriter out(body);
        out.begin_object().key("content").value(choice.text).key("stop").value(true);
        out.key("model").value(model_).key("stop_type").value(stop_type(choice.reason, choice.stop_sequence));
        out.key("stopping_word").value(choice.stop_sequence);
        out.key("tokens_predicted").value(usage.completion_tokens);
        out.key("tokens_evaluated").value(usage.prompt_tokens).end_object();
    }

    const std::string model_;
    Completion::Choice end_;  // of the stream; its text has been told
};

std::unique_ptr<Encoder> infill_encoder(OpenAiIdentity identity, const OpenAiCall&) {
    return std::make_unique<InfillEncoder>(std::move(identity.model));
}

constexpr CompletionKind kGenerate = {"gen-", parse_generate_body, generate_encoder, true};
constexpr CompletionKind kInfill = {"infill-", parse_infill, infill_encoder, true};

}  // namespace

std::unique_ptr<Reply> handle_generate(ApiContext& context, ApiRequest request) {
    return complete(kGenerate, context, request);
}

std::unique_ptr<Reply> handle_infill(ApiContext& context, ApiRequest request) {
    return complete(kInfill, context, request);
}

}  // namespace shimmy
