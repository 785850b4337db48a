// POST /v1/embeddings. Shape: https://platform.openai.com/docs/api-reference/embeddings
#include <bit>
#include <limits>
#include <utility>

#include "shimmy/api/base64.h"
#include "shimmy/api/embedding_reply.h"
#include "shimmy/api/handlers.h"
#include "shimmy/api/json_write.h"
#include "shimmy/api/openai_common.h"
#include "shimmy/api/openai_texts.h"
#include "shimmy/api/request_body.h"

namespace shimmy {

namespace json = boost::json;

namespace {

constexpr size_t kTextsMax = 2048;  // OpenAI's

struct EmbeddingsCall {
    EmbedCall call;
    bool base64 = false;  // little-endian f32
};

bool is_empty(const TextOrIds& text) {
    return std::visit([](const auto& content) { return content.empty(); }, text);
}

base::Result<std::vector<TextOrIds>> parse_input(const Fields& fields) {
    TRY(std::vector<TextOrIds> texts, parse_texts(fields, "input", "send the text to embed."));
    if (texts.size() > kTextsMax)
        return std::unexpected(bad_value(
            "input", fmt::format("has {} entries; at most {} are allowed.", texts.size(), kTextsMax)));
    for (size_t i = 0; i < texts.size(); ++i) {
        if (!is_empty(texts[i])) continue;
        const bool is_list = fields.find("input")->is_array();
        return std::unexpected(
            bad_value(is_list ? fmt::format("input[{}]", i) : "input", "is empty; send the text to embed."));
    }
    return texts;
}

base::Result<EmbeddingsCall> parse_embeddings(const json::object& body) {
    const Fields fields(body, "");
    EmbeddingsCall parsed;
    TRY(parsed.call.model, parse_model(fields));
    TRY(parsed.call.texts, parse_input(fields));
    TRY(const auto format, fields.string("encoding_format"));
    if (format && *format != "float" && *format != "base64")
        return std::unexpected(
            bad_value("encoding_format", fmt::format("must be float or base64, not {}.", *format)));
    parsed.base64 = format == "base64";
    TRY(const auto dimensions, fields.integer("dimensions", 1, std::numeric_limits<int32_t>::max()));
    if (dimensions) parsed.call.dimensions = static_cast<uint32_t>(*dimensions);
    return parsed;
}

void write_vector(JsonWriter& json, const std::vector<float>& vector, bool base64) {
    static_assert(std::endian::native == std::endian::little);
    if (base64) {
        std::string text = "\"";
        append_base64(text, std::as_bytes(std::span(vector)));
        json.raw(text += '"');
        return;
    }
    json.begin_array();
    for (const float x : vector) json.value(x);
    json.end_array();
}

EncodePiece embeddings_encoder(std::string model, bool base64) {
    return [model = std::move(model), base64, next = size_t{0}](const EmbedAnswer& answer,
                                                                std::string& out) mutable {
        if (next == 0) out += R"({"object":"list","data":[)";
        for (; next < answer.vectors.size() && out.size() < kPumpBytes; ++next) {
            if (next > 0) out += ',';
            JsonWriter json(out);
            json.begin_object().key("object").value("embedding").key("index").value(next).key("embedding");
            write_vector(json, answer.vectors[next], base64);
            json.end_object();
        }
        if (next < answer.vectors.size()) return true;
        out += R"(],"model":)";
        JsonWriter(out).value(model);
        out += R"(,"usage":)";
        JsonWriter usage(out);
        usage.begin_object().key("prompt_tokens").value(answer.tokens);
        usage.key("total_tokens").value(answer.tokens).end_object();
        out += '}';
        return false;
    };
}

}  // namespace

std::unique_ptr<Reply> handle_embeddings(ApiContext& context, ApiRequest request) {
    auto parsed = read_body(context, request, false, parse_embeddings);
    if (!parsed) return ready_reply(openai_refusal(parsed.error()));
    EncodePiece encode = embeddings_encoder(parsed->call.model, parsed->base64);
    return embedding_reply(context.service.embed(std::move(parsed->call)), std::move(encode));
}

}  // namespace shimmy
