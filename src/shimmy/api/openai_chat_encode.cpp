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
    ChatEncoder(OpenAiIdentity identity, uint32_t choices, bool include_usage)
        : OpenAiEncoder(std::move(identity), {"chat.completion", "chat.completion.chunk"}, include_usage),
          choices_(choices) {}

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
        json.key("delta").begin_object().key("content").value(delta.text).end_object().key("logprobs");
        write_logprobs(json, delta.logprobs);
    }

    void write_end_delta(JsonWriter& json) const override {
        json.key("delta").begin_object().end_object().key("logprobs").null();
    }

    void write_choice(JsonWriter& json, const Completion::Choice& choice) override {
        json.key("message").begin_object().key("role").value("assistant");
        json.key("content").value(choice.text).key("refusal").null().end_object().key("logprobs");
        write_logprobs(json, choice.logprobs);
    }

  private:
    const uint32_t choices_;
};

}  // namespace

std::unique_ptr<Encoder> openai_chat_encoder(OpenAiIdentity identity, uint32_t choices, bool include_usage) {
    return std::make_unique<ChatEncoder>(std::move(identity), choices, include_usage);
}

}  // namespace shimmy
