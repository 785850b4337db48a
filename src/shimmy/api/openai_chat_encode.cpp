#include <utility>

#include "shimmy/api/openai_chat.h"
#include "shimmy/api/openai_encoder.h"

namespace shimmy {

namespace {

void write_token(JsonWriter& json, const TokenChoice& token) {
    json.key("token").value(token.bytes).key("logprob").value(static_cast<double>(token.logprob));
    json.key("bytes").begin_array();
    for (const char byte : token.bytes) json.value(static_cast<int>(static_cast<unsigned char>(byte)));
    json.end_array();
}

void write_logprobs(JsonWriter& json, const std::vector<TokenInfo>& tokens) {
    if (tokens.empty()) {
        json.null();
        return;
    }
    json.begin_object().key("content").begin_array();
    for (const TokenInfo& token : tokens) {
        json.begin_object();
        write_token(json, token.chosen);
        json.key("top_logprobs").begin_array();
        for (const TokenChoice& top : token.top) {
            json.begin_object();
            write_token(json, top);
            json.end_object();
        }
        json.end_array().end_object();
    }
    json.end_array().key("refusal").null().end_object();
}

class ChatEncoder final : public OpenAiEncoder {
  public:
    ChatEncoder(OpenAiIdentity identity, const OpenAiCall& call)
        : OpenAiEncoder(std::move(identity), {"chat.completion", "chat.completion.chunk"},
                        call.include_usage),
          choices_(call.choices()),
          call_is_named_(call.call_is_named),
          as_functions_(call.calls_as_functions) {}

  protected:
    void stream_start(std::string& out) const override {
        for (uint32_t choice = 0; choice < choices_; ++choice) {
            JsonWriter json = begin_chunk(out, choice);
            json.key("delta")
                .begin_object()
                .key("role")
                .value("assistant")
                .key("content")
                .value("")
                .end_object();
            json.key("logprobs").null();
            end_chunk(json, out);
        }
    }

    void write_delta(JsonWriter& json, const TextDelta& delta) override {
        json.key("delta").begin_object();
        if (delta.reasoning) {
            json.key("reasoning_content").value(delta.text).key("reasoning").value(delta.text);
        } else {
            json.key("content").value(delta.text);
        }
        json.end_object().key("logprobs");
        write_logprobs(json, delta.logprobs);
    }

    // Id, type and name come once, first; what follows has arguments only.
    void write_call(JsonWriter& json, const ToolCallDelta& delta) override {
        if (as_functions_) return write_function_call(json, delta);
        json.key("delta").begin_object().key("tool_calls").begin_array().begin_object();
        json.key("index").value(delta.call);
        if (!delta.id.empty()) json.key("id").value(delta.id).key("type").value("function");
        json.key("function").begin_object();
        if (!delta.name.empty()) json.key("name").value(delta.name);
        json.key("arguments").value(delta.arguments).end_object();
        json.end_object().end_array().end_object().key("logprobs").null();
    }

    std::string_view finish_reason(airframe::FinishReason reason, size_t calls) const override {
        const bool by_calls = calls > 0 && reason != airframe::FinishReason::kLength && !call_is_named_;
        if (by_calls && as_functions_) return "function_call";
        return by_calls ? "tool_calls" : OpenAiEncoder::finish_reason(reason, calls);
    }

    void write_end_delta(JsonWriter& json) const override {
        json.key("delta").begin_object().end_object().key("logprobs").null();
    }

    void write_choice(JsonWriter& json, const Completion::Choice& choice) override {
        json.key("message").begin_object().key("role").value("assistant").key("content");
        if (choice.text.empty() && !choice.calls.empty()) {
            json.null();
        } else {
            json.value(choice.text);
        }
        if (!choice.reasoning.empty())
            json.key("reasoning_content").value(choice.reasoning).key("reasoning").value(choice.reasoning);
        json.key("refusal").null();
        if (!choice.calls.empty()) write_calls(json, choice.calls);
        json.end_object().key("logprobs");
        write_logprobs(json, choice.logprobs);
    }

  private:
    static void write_function_call(JsonWriter& json, const ToolCallDelta& delta) {
        json.key("delta").begin_object().key("function_call").begin_object();
        if (!delta.name.empty()) json.key("name").value(delta.name);
        json.key("arguments").value(delta.arguments).end_object().end_object().key("logprobs").null();
    }

    void write_calls(JsonWriter& json, const std::vector<Completion::Choice::Call>& calls) const {
        if (as_functions_) {
            json.key("function_call").begin_object().key("name").value(calls.front().name);
            json.key("arguments").value(calls.front().arguments).end_object();
            return;
        }
        json.key("tool_calls").begin_array();
        for (const auto& call : calls) {
            json.begin_object().key("id").value(call.id).key("type").value("function");
            json.key("function").begin_object().key("name").value(call.name);
            json.key("arguments").value(call.arguments).end_object().end_object();
        }
        json.end_array();
    }

    const uint32_t choices_;
    const bool call_is_named_;
    const bool as_functions_;
};

}  // namespace

std::unique_ptr<Encoder> openai_chat_encoder(OpenAiIdentity identity, const OpenAiCall& call) {
    return std::make_unique<ChatEncoder>(std::move(identity), call);
}

}  // namespace shimmy
