// POST /v1/rerank, in the shape that Jina, Cohere and their clients share:
// https://jina.ai/reranker, https://docs.cohere.com/reference/rerank
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "shimmy/api/completion_handler.h"
#include "shimmy/api/embedding_reply.h"
#include "shimmy/api/handlers.h"
#include "shimmy/api/json_read.h"
#include "shimmy/api/json_write.h"
#include "shimmy/api/openai_common.h"

namespace shimmy {

namespace json = boost::json;

namespace {

constexpr size_t kDocumentsMax = 2048;

struct RerankCall {
    EmbedCall call;
    size_t top_n = 0;                    // results wanted
    bool raw_scores = false;             // logits; else their sigmoid, between 0 and 1
    std::vector<std::string> documents;  // to be returned; empty: they are not
};

base::Result<std::string> parse_document(const json::value& document, const std::string& path) {
    if (document.is_string()) return std::string(document.get_string());
    if (!document.is_object())
        return std::unexpected(bad_type(path, "a string or an object with 'text'", document));
    TRY(const auto text, Fields(document.get_object(), path).string("text"));
    if (!text) return std::unexpected(missing(path + ".text", "send the document's text."));
    return std::string(*text);
}

base::Result<std::vector<std::string>> parse_documents(const Fields& fields) {
    TRY(const json::array* list, fields.array("documents"));
    if (list == nullptr) return std::unexpected(missing("documents", "send the texts to rank."));
    if (list->empty()) return std::unexpected(bad_value("documents", "is empty; send the texts to rank."));
    if (list->size() > kDocumentsMax)
        return std::unexpected(bad_value("documents", fmt::format("has {} entries; at most {} are allowed.",
                                                                  list->size(), kDocumentsMax)));
    std::vector<std::string> documents;
    for (size_t i = 0; i < list->size(); ++i) {
        TRY(documents.emplace_back(), parse_document((*list)[i], fmt::format("documents[{}]", i)));
    }
    return documents;
}

base::Result<RerankCall> parse_rerank(const json::object& body) {
    const Fields fields(body, "");
    RerankCall parsed;
    parsed.call.field = "documents";
    TRY(parsed.call.model, parse_model(fields));
    TRY(const auto query, fields.string("query"));
    if (!query) return std::unexpected(missing("query", "send the text that the documents answer."));
    if (query->empty()) return std::unexpected(bad_value("query", "is empty."));
    parsed.call.query = std::string(*query);
    TRY(std::vector<std::string> documents, parse_documents(fields));
    parsed.call.texts.assign(documents.begin(), documents.end());
    TRY(const auto top_n, fields.integer("top_n", 1, std::numeric_limits<int32_t>::max()));
    parsed.top_n = std::min(documents.size(), static_cast<size_t>(top_n.value_or(std::ssize(documents))));
    TRY(const auto raw_scores, fields.boolean("raw_scores"));
    parsed.raw_scores = raw_scores.value_or(false);
    TRY(const auto return_documents, fields.boolean("return_documents"));
    if (return_documents.value_or(false)) parsed.documents = std::move(documents);
    return parsed;
}

// The best first; equal ones in the order in which they came.
std::vector<size_t> ranking(const EmbedAnswer& answer) {
    std::vector<size_t> order(answer.vectors.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, std::greater<>{}, [&](size_t i) { return answer.vectors[i].front(); });
    return order;
}

bool write_ranking(const RerankCall& parsed, const EmbedAnswer& answer, std::string& out) {
    JsonWriter json(out);
    json.begin_object().key("object").value("list").key("model").value(parsed.call.model);
    json.key("results").begin_array();
    std::vector<size_t> order = ranking(answer);
    order.resize(parsed.top_n);
    for (const size_t i : order) {
        const double score = answer.vectors[i].front();
        json.begin_object().key("index").value(i).key("relevance_score");
        json.value(parsed.raw_scores ? score : 1 / (1 + std::exp(-score)));
        if (!parsed.documents.empty())
            json.key("document").begin_object().key("text").value(parsed.documents[i]).end_object();
        json.end_object();
    }
    json.end_array().key("usage").begin_object().key("prompt_tokens").value(answer.tokens);
    json.key("total_tokens").value(answer.tokens).end_object().end_object();
    return false;
}

}  // namespace

std::unique_ptr<Reply> handle_rerank(ApiContext& context, ApiRequest request) {
    auto parsed = read_body(context, request, true, parse_rerank);
    if (!parsed) return ready_reply(openai_refusal(parsed.error()));
    auto embedding = context.service.embed(parsed->call);
    parsed->call.texts.clear();
    return embedding_reply(std::move(embedding),
                           [parsed = *std::move(parsed)](const EmbedAnswer& answer, std::string& out) {
                               return write_ranking(parsed, answer, out);
                           });
}

}  // namespace shimmy
