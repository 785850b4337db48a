#include "shimmy/api/routes.h"

#include "shimmy/api/handlers.h"

namespace shimmy {

namespace {

constexpr auto kIo = RunsOn::kIo;
constexpr auto kWorker = RunsOn::kWorker;

constexpr Endpoint kEndpoints[] = {
    {"GET", "/", handle_index, kIo, 0, {"index", "server", "A page for people", "text/html"}},
    {"GET", "/health", handle_health, kIo, 0, {"health", "server", "State of the server", "Health"}},
    {"GET", "/live", handle_live, kIo, 0, {"live", "server", "The process answers", "Live"}},
    {"GET", "/ready", handle_ready, kIo, 0, {"ready", "server", "Requests are taken", "Ready"}},
    {"GET", "/diag", handle_diag, kIo, 0, {"diag", "server", "The machine", "Diagnosis"}},
    {"GET",
     "/metrics",
     handle_metrics,
     kIo,
     0,
     {"metrics", "server", "Figures for Prometheus", "text/plain"}},
    {"GET",
     "/openapi.yaml",
     handle_openapi_yaml,
     kWorker,
     0,
     {"openapiYaml", "server", "This description", "application/yaml"}},
    {"GET",
     "/openapi.json",
     handle_openapi_json,
     kWorker,
     0,
     {"openapiJson", "server", "This description, as JSON", "application/json"}},
    {"GET",
     "/models",
     handle_models,
     kWorker,
     0,
     {"listModels", "models", "The models of this machine", "ModelList"}},
    {"GET",
     "/models/{id}",
     handle_model,
     kWorker,
     0,
     {"retrieveModel", "models", "One model, by its id or another name of it", "Model"}},
    {"POST",
     "/chat/completions",
     handle_chat_completions,
     kWorker,
     kAnyBody,
     {"createChatCompletion", "openai", "Answer a conversation", "ChatCompletion", &kChatBody, true,
      "ChatCompletionChunk"}},
    {"POST",
     "/completions",
     handle_completions,
     kWorker,
     kAnyBody,
     {"createCompletion", "openai", "Continue a text", "Completion", &kCompletionsBody, true,
      "CompletionChunk"}},
    {"POST",
     "/embeddings",
     handle_embeddings,
     kWorker,
     kAnyBody,
     {"createEmbedding", "openai", "Vectors of texts", "EmbeddingList", &kEmbeddingsBody, true}},
    {"POST",
     "/rerank",
     handle_rerank,
     kWorker,
     kAnyBody,
     {"rerank", "native", "Texts in the order of how well they answer a query", "Ranking", &kRerankBody,
      true}},
    {"POST",
     "/tokenize",
     handle_tokenize,
     kWorker,
     kAnyBody,
     {"tokenize", "native", "A text as the model's tokens", "TokenList", &kTokenizeBody, true}},
    {"POST",
     "/detokenize",
     handle_detokenize,
     kWorker,
     kAnyBody,
     {"detokenize", "native", "The text of tokens", "Text", &kDetokenizeBody, true}},
    {"POST",
     "/apply-template",
     handle_apply_template,
     kWorker,
     kAnyBody,
     {"applyTemplate", "native", "The prompt that the model would see", "RenderedPrompt", &kApplyTemplateBody,
      true}},
    {"POST",
     "/infill",
     handle_infill,
     kWorker,
     kAnyBody,
     {"infill", "native", "Fill the gap between two texts", "Infilling", &kInfillBody, true,
      "InfillingChunk"}},
    {"POST",
     "/api/generate",
     handle_generate,
     kWorker,
     kAnyBody,
     {"generate", "native", "Continue a text or answer a conversation; streams unless stream is false",
      "GeneratedText", &kGenerateBody, true, "TextPiece"}},
    {.method = "GET",
     .path = "/ws/generate",
     .handler = handle_ws_generate,
     .runs_on = kIo,
     .operation = {.body = &kGenerateBody},  // its first message
     .websocket = true},
};

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string percent_decoded(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        const bool escape = text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
                            hex_digit(text[i + 2]) >= 0;
        if (escape) {
            out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

// The path of a target without query, doubled and trailing slashes, and the prefix /v1: base URLs are written
// in many ways.
std::string plain_path(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"}) {  // absolute form, as proxies send it
        if (!target.starts_with(scheme)) continue;
        const size_t slash = target.find('/', scheme.size());
        target = slash == std::string_view::npos ? "/" : target.substr(slash);
    }
    std::string path;
    for (const char c : target.substr(0, target.find_first_of("?#"))) {
        if (c != '/' || !path.ends_with('/')) path += c;
    }
    if (path.size() > 1 && path.ends_with('/')) path.pop_back();
    if (path == "/v1") return "/";
    return path.starts_with("/v1/") ? path.substr(3) : path;
}

bool matches(std::string_view pattern, std::string_view path, std::string& param) {
    const size_t brace = pattern.find('{');
    if (brace == std::string_view::npos) return pattern == path;
    if (path.size() <= brace || path.substr(0, brace) != pattern.substr(0, brace)) return false;
    param = percent_decoded(path.substr(brace));
    return true;
}

}  // namespace

bool is_open_to_all(std::string_view target) {
    const std::string path = plain_path(target);
    return path == "/health" || path == "/live";
}

std::span<const Endpoint> endpoints() { return kEndpoints; }

RouteMatch match_route(std::string_view method, std::string_view target) {
    RouteMatch match;
    if (target == "*") {  // the server as a whole, which OPTIONS alone can ask about
        if (method == "OPTIONS") match.allow = "GET, HEAD, POST, OPTIONS";
        return match;
    }
    const std::string path = plain_path(target);
    if (method == "HEAD") method = "GET";
    for (const Endpoint& endpoint : kEndpoints) {
        std::string param;
        if (!matches(endpoint.path, path, param)) continue;
        if (endpoint.method == method) {
            match.endpoint = &endpoint;
            match.param = std::move(param);
        }
        if (!match.allow.empty()) match.allow += ", ";
        match.allow += endpoint.method;
        if (endpoint.method == "GET") match.allow += ", HEAD";
    }
    if (!match.allow.empty()) match.allow += ", OPTIONS";
    return match;
}

}  // namespace shimmy
