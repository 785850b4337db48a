// POST /tokenize, /detokenize and /apply-template: a model's text as it sees it, without running the model.
#include <limits>
#include <utility>

#include "base/utf8.h"
#include "shimmy/api/completion_handler.h"
#include "shimmy/api/json_read.h"
#include "shimmy/api/json_write.h"
#include "shimmy/api/model_reply.h"
#include "shimmy/api/openai_chat.h"
#include "shimmy/service/chat_plan.h"

namespace shimmy {

namespace json = boost::json;
using airframe::TokenId;
using airframe::Tokenizer;

namespace {

// What a request asks of a model, and of which one.
struct Job {
    std::string model;
    ModelWork work;
};

base::Result<std::string> model_of(const Fields& fields) {
    TRY(const auto model, fields.string("model"));
    return std::string(model.value_or(""));
}

// A piece as text, or as its bytes where it is only a part of a character.
void write_piece(JsonWriter& out, const std::string& bytes) {
    if (base::to_valid_utf8(bytes) == bytes) {
        out.value(bytes);
        return;
    }
    out.begin_array();
    for (const char byte : bytes) out.value(static_cast<int>(static_cast<unsigned char>(byte)));
    out.end_array();
}

std::string token_list(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, bool with_pieces) {
    std::string body;
    JsonWriter out(body);
    out.begin_object().key("tokens").begin_array();
    for (const TokenId id : ids) {
        if (!with_pieces) {
            out.value(id);
            continue;
        }
        out.begin_object().key("id").value(id).key("piece");
        write_piece(out, tokenizer.token_bytes(id, true));
        out.end_object();
    }
    out.end_array().key("count").value(ids.size()).end_object();
    return body;
}

base::Result<Job> tokenize_job(const json::object& body) {
    const Fields fields(body, "");
    TRY(std::string model, model_of(fields));
    TRY(const auto content, fields.string("content"));
    if (!content) return std::unexpected(missing("content", "send the text to tokenize."));
    TRY(const auto add_special, fields.boolean("add_special"));
    TRY(const auto parse_special, fields.boolean("parse_special"));
    TRY(const auto with_pieces, fields.boolean("with_pieces"));
    const bool add = add_special.value_or(false), parse = parse_special.value_or(true);
    const bool pieces = with_pieces.value_or(false);
    return Job{std::move(model),
               [text = std::string(*content), add, parse,
                pieces](const LoadedModel& loaded) -> base::Result<std::string> {
                   const Tokenizer& tokenizer = loaded.engine->tokenizer();
                   const auto ids = tokenizer.encode(text, {.add_special = add, .parse_special = parse});
                   return token_list(tokenizer, ids, pieces);
               }};
}

base::Result<std::string> text_of(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
    for (size_t i = 0; i < ids.size(); ++i) {
        if (ids[i] < tokenizer.vocab_size()) continue;
        return std::unexpected(
            bad_value(fmt::format("tokens[{}]", i),
                      fmt::format("is {}; the model's ids end at {}.", ids[i], tokenizer.vocab_size() - 1)));
    }
    std::string body;
    JsonWriter(body).begin_object().key("content").value(tokenizer.decode(ids, true)).end_object();
    return body;
}

base::Result<Job> detokenize_job(const json::object& body) {
    const Fields fields(body, "");
    TRY(std::string model, model_of(fields));
    TRY(const json::array* list, fields.array("tokens"));
    if (list == nullptr) return std::unexpected(missing("tokens", "send the token ids."));
    std::vector<TokenId> ids;
    for (size_t i = 0; i < list->size(); ++i) {
        const json::value& id = (*list)[i];
        const bool fits =
            id.is_int64() && id.get_int64() >= 0 && id.get_int64() <= std::numeric_limits<TokenId>::max();
        if (!fits) return std::unexpected(bad_type(fmt::format("tokens[{}]", i), "a token id", id));
        ids.push_back(static_cast<TokenId>(id.get_int64()));
    }
    return Job{std::move(model), [ids = std::move(ids)](const LoadedModel& loaded) {
                   return text_of(loaded.engine->tokenizer(), ids);
               }};
}

base::Result<Job> apply_template_job(const json::object& body) {
    TRY(OpenAiCall call, parse_openai_chat(body));
    ChatInput chat = std::get<ChatInput>(std::move(call.request.prompts.front()));
    return Job{std::move(call.request.model),
               [chat = std::move(chat)](const LoadedModel& loaded) -> base::Result<std::string> {
                   TRY(const ChatPlan plan, plan_chat(loaded, chat));
                   std::string out;
                   JsonWriter(out).begin_object().key("prompt").value(plan.rendered.text).end_object();
                   return out;
               }};
}

std::unique_ptr<Reply> run(base::Result<Job> (*parse)(const json::object&), ApiContext& context,
                           const ApiRequest& request) {
    auto job = read_body(context, request, true, parse);
    if (!job) return ready_reply(openai_refusal(job.error()));
    return model_reply(context.service, job->model, std::move(job->work));
}

}  // namespace

std::unique_ptr<Reply> handle_tokenize(ApiContext& context, ApiRequest request) {
    return run(tokenize_job, context, request);
}

std::unique_ptr<Reply> handle_detokenize(ApiContext& context, ApiRequest request) {
    return run(detokenize_job, context, request);
}

std::unique_ptr<Reply> handle_apply_template(ApiContext& context, ApiRequest request) {
    return run(apply_template_job, context, request);
}

}  // namespace shimmy
