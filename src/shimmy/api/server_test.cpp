// The API over real sockets with a fake model: what the dialect says. How the transport behaves:
// transport_test.cpp.
#include <unistd.h>

#include <gmock/gmock.h>

#include "base/test_name.h"
#include "shimmy/api/test_server.h"

namespace shimmy {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kHello = R"({"model":"alpha","messages":[{"role":"user","content":"Hi"}]})";
constexpr std::string_view kPrompt = R"({"model":"alpha","prompt":"Hi"})";
constexpr std::string_view kHelloStream =
    R"({"model":"alpha","messages":[{"role":"user","content":"Hi"}],"stream":true})";

TEST_F(ServerTest, TellsItsHealth) {
    start();
    const std::string answer = ask(get("/health"));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Type: application/json\r\n"));
    EXPECT_THAT(answer, HasSubstr(R"("status":"ok","service":"shimmy","version":"1.2.3")"));
    EXPECT_THAT(answer, HasSubstr(R"("models":{"total":3,"discovered":0,"manual":3)"));
    EXPECT_THAT(answer, HasSubstr(R"("uptime_seconds":0)"));
}

TEST_F(ServerTest, HasAPageForPeople) {
    start();
    const std::string answer = ask(get("/"));
    EXPECT_THAT(answer, HasSubstr("Content-Type: text/html"));
    EXPECT_THAT(answer, HasSubstr("curl " + server->url() + "/v1/chat/completions"));
}

TEST_F(ServerTest, ListsItsModels) {
    start();
    const std::string list = ask(get("/v1/models"));
    EXPECT_THAT(list, HasSubstr(R"({"object":"list","data":[{"id":"alpha","object":"model","created":1)"));
    EXPECT_THAT(
        list,
        HasSubstr(R"("owned_by":"shimmy","meta":{"source":"built-in","size_bytes":1000,"loaded":false)"));
    EXPECT_THAT(ask(get("/models/beta")), HasSubstr(R"({"id":"beta","object":"model")"));
    EXPECT_THAT(ask(get("/v1/models/be%74a/")), HasSubstr(R"({"id":"beta","object":"model")"));
}

TEST_F(ServerTest, ChatAnswersWhole) {
    start();
    const std::string answer = ask(post("/v1/chat/completions", kHello));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr(R"({"id":"chatcmpl-)"));
    EXPECT_THAT(answer, HasSubstr(R"("object":"chat.completion","created":)"));
    EXPECT_THAT(answer, HasSubstr(R"("model":"alpha")"));
    EXPECT_THAT(answer,
                HasSubstr(R"("message":{"role":"assistant","content":"Hello there.","refusal":null})"));
    EXPECT_THAT(answer, HasSubstr(R"("finish_reason":"stop")"));
    // The prompt is the rendered message and the begin token.
    const size_t prompt = std::string_view(R"({"role":"user","content":"Hi"})").size() + 2;
    EXPECT_THAT(answer, HasSubstr(fmt::format(
                            R"("usage":{{"prompt_tokens":{},"completion_tokens":12,"total_tokens":{},)",
                            prompt, prompt + 12)));
    EXPECT_THAT(answer, HasSubstr(R"("cached_tokens":1)"));
}

TEST_F(ServerTest, ChatStreamsOnlyWhenAsked) {
    start();
    TestClient client(server->port());
    client.send(post("/v1/chat/completions", kHelloStream));
    ASSERT_TRUE(client.read_until("data: [DONE]\n\n\r\n0\r\n"));
    ASSERT_TRUE(client.read_until("decode;dur="));
    ASSERT_TRUE(client.read_until("\r\n\r\n"));
    EXPECT_THAT(client.received, ContainsRegex("\r\n0\r\nServer-Timing: queue;dur=[0-9.]+, "
                                               "prompt;dur=[0-9.]+, decode;dur=[0-9.]+\r\n\r\n$"));
    EXPECT_THAT(
        client.received,
        AllOf(HasSubstr("Content-Type: text/event-stream\r\n"), HasSubstr("Cache-Control: no-cache\r\n"),
              HasSubstr("Transfer-Encoding: chunked\r\nTrailer: Server-Timing\r\n"),
              ContainsRegex("X-Accel-Buffering: no\r\nServer-Timing: queue;dur=[0-9.]+\r\n")));
    EXPECT_THAT(client.received, HasSubstr(R"("delta":{"role":"assistant","content":""})"));
    EXPECT_THAT(client.received, HasSubstr(R"("delta":{"content":"H"})"));
    EXPECT_THAT(client.received, HasSubstr(R"("delta":{},"logprobs":null,"finish_reason":"stop")"));
    EXPECT_THAT(client.received, Not(HasSubstr(R"("choices":[],)")));
}

TEST_F(ServerTest, SeveralChoicesComeWithTheirIndexAndSeed) {
    start();
    const std::string answer = ask(post(
        "/v1/chat/completions",
        R"({"model":"alpha","n":2,"seed":5,"max_tokens":3,"messages":[{"role":"user","content":"Hi"}]})"));
    EXPECT_THAT(answer, HasSubstr(R"({"index":0,"message":{"role":"assistant","content":"Hel")"));
    EXPECT_THAT(answer, HasSubstr(R"({"index":1,"message":{"role":"assistant","content":"Hel")"));
    EXPECT_THAT(answer, HasSubstr(R"("finish_reason":"length")"));
    EXPECT_THAT(answer, HasSubstr(R"("completion_tokens":6)"));
    ASSERT_EQ(script->requests.size(), 2u);
    EXPECT_EQ(script->requests[0].sampling.seed, 5u);
    EXPECT_EQ(script->requests[1].sampling.seed, 6u);
}

TEST_F(ServerTest, CompletionsTakeSeveralPrompts) {
    start();
    const std::string answer =
        ask(post("/completions", R"({"model":"alpha","prompt":["A","B"],"max_tokens":2,"echo":true,"n":2})"));
    for (const char* choice : {R"({"index":0,"text":"AHe",)", R"({"index":1,"text":"AHe",)",
                               R"({"index":2,"text":"BHe",)", R"({"index":3,"text":"BHe",)"}) {
        EXPECT_THAT(answer, HasSubstr(choice));
    }
    EXPECT_THAT(answer, HasSubstr(R"("usage":{"prompt_tokens":4,"completion_tokens":8,"total_tokens":12,)"));
}

TEST_F(ServerTest, CompletionsOfNoTokensEchoOnly) {
    start();
    EXPECT_THAT(
        ask(post("/v1/completions", R"({"model":"alpha","prompt":"Abc","max_tokens":0,"echo":true})")),
        HasSubstr(R"({"index":0,"text":"Abc","logprobs":null,"finish_reason":"length"})"));
}

TEST_F(ServerTest, CompletionsStream) {
    start();
    TestClient client(server->port());
    client.send(post("/v1/completions",
                     R"({"model":"alpha","prompt":"A","stream":true,"logprobs":1,"max_tokens":1})"));
    ASSERT_TRUE(client.read_until("data: [DONE]"));
    EXPECT_THAT(
        client.received,
        HasSubstr(R"([{"index":0,"text":"H","logprobs":{"tokens":["H"],"token_logprobs":[-0.5],)"
                  R"("top_logprobs":[{"a":-0.5,"H":-0.5}],"text_offset":[1]},"finish_reason":null}])"));
}

TEST_F(ServerTest, SamplingReachesTheEngine) {
    start();
    ask(post("/v1/chat/completions",
             R"({"model":"alpha","temperature":0,"stop":"x","messages":[{"role":"user","content":"Hi"}]})"));
    ASSERT_EQ(script->requests.size(), 1u);
    EXPECT_EQ(script->requests[0].sampling.temperature, 0);
    EXPECT_EQ(script->requests[0].sampling.top_p, airframe::SamplingParams().top_p);
    EXPECT_EQ(script->requests[0].max_tokens, -1);
    EXPECT_EQ(script->requests[0].stop, std::vector<std::string>{"x"});
}

struct Refused {
    std::string request;
    int status;
    std::string says;
};
class ServerRefuses : public ServerTest, public testing::WithParamInterface<Refused> {};
TEST_P(ServerRefuses, AndLivesOn) {
    start();
    const std::string answer = ask(GetParam().request);
    EXPECT_THAT(answer, StartsWith(fmt::format("HTTP/1.1 {} ", GetParam().status)));
    EXPECT_THAT(answer, HasSubstr(GetParam().says));
    EXPECT_THAT(answer, AllOf(HasSubstr(R"({"error":{"message":")"), HasSubstr("x-request-id: req_")));
    EXPECT_THAT(ask(get("/health")), StartsWith("HTTP/1.1 200"));
}
INSTANTIATE_TEST_SUITE_P(
    All, ServerRefuses,
    testing::Values(
        Refused{post("/v1/chat/completions", "{\"model\":"), 400, R"("code":"invalid_json")"},
        Refused{post("/v1/chat/completions", ""), 400, R"("code":"invalid_json")"},
        Refused{post("/v1/chat/completions", std::string(100000, '[')), 400, "deeper than 256"},
        Refused{
            post("/v1/chat/completions", R"({"model":"alpha","messages":[{"role":"user"}]})"), 400,
            R"("type":"invalid_request_error","param":"messages[0].content","code":"missing_required_parameter")"},
        Refused{
            post("/v1/chat/completions", R"({"model":"nope","messages":[{"role":"user","content":"x"}]})"),
            404,
            R"(Known models: alpha, beta, broken.","type":"invalid_request_error","param":"model","code":"model_not_found")"},
        Refused{
            post("/v1/chat/completions", R"({"model":"broken","messages":[{"role":"user","content":"x"}]})"),
            500,
            R"(tensor 'blk.0' lies beyond the end of the file","type":"server_error","param":null,"code":"model_load_failed")"},
        Refused{post("/v1/completions", R"({"model":"alpha","prompt":")" + std::string(5000, 'a') + R"("})"),
                400, R"(Prompt is 5001 tokens; the context is 4096 tokens.)"},
        Refused{get("/v1/models/nope"), 404, R"("code":"model_not_found")"},
        Refused{get("/v1/models/../../etc/passwd"), 404, R"("code":"model_not_found")"},
        Refused{get("/v1/models/%2e%2e%2fetc%2fpasswd"), 404, R"("code":"model_not_found")"},
        Refused{get("/../../etc/passwd"), 404, R"("code":"unknown_url")"},
        Refused{post("/v1/completions", R"({"model":"../../etc/passwd\n\u001b[31m","prompt":"x"})"), 404,
                R"(The model '../../etc/passwd\n\u001b[31m' does not exist)"},
        Refused{"GET /health HTTP/1.1\r\n\r\n", 400, "it needs exactly one Host header"},
        Refused{get("/v2/models"), 404, R"("code":"unknown_url")"},
        Refused{get("/v1/chat/completions"), 405, "Allow: POST, OPTIONS\r\n"},
        Refused{"DELETE /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "Allow: GET, HEAD, OPTIONS\r\n"},
        Refused{"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                "text/plain\r\nContent-Length: 2\r\n\r\n{}",
                415, R"("code":"unsupported_media_type")"},
        Refused{post("/v1/chat/completions", "x", "Content-Encoding: gzip\r\n"), 415, "gzip"},
        Refused{"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8589934592\r\n\r\n",
                413, R"("code":"request_too_large")"},
        Refused{"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403, R"("code":"host_not_allowed")"},
        Refused{"GET /health HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n", 403,
                R"("code":"host_not_allowed")"},
        Refused{"GET /health HTTP/1.1\r\nHost: [::1]evil.example\r\n\r\n", 403,
                R"("code":"host_not_allowed")"},
        Refused{"GET /health HTTP/1.1\r\nHost: localhost:80@evil.example\r\n\r\n", 403,
                R"("code":"host_not_allowed")"},
        Refused{"GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\n\r\n", 403,
                R"("code":"host_not_allowed")"},
        Refused{get("/health", "Origin: http://localhost:80@evil.example\r\n"), 403,
                R"("code":"origin_not_allowed")"},
        Refused{"TRACE /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, R"("code":"method_not_allowed")"},
        Refused{"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, R"("code":"unknown_url")"},
        Refused{get("/health", "Origin: http://evil.example\r\n"), 403, R"("code":"origin_not_allowed")"},
        Refused{get("/health", "Origin: null\r\n"), 403, R"("code":"origin_not_allowed")"}),
    [](const auto& info) { return base::test_name(info.index, info.param.request); });

TEST_F(ServerTest, AnswersUnderItsOwnNames) {
    start({.allowed_hosts = {"box.example"}});
    for (const char* host : {"localhost:1", "127.0.0.1", "127.9.9.9:80", "[::1]:80", "LOCALHOST",
                             "app.localhost", "box.example:11435"}) {
        EXPECT_THAT(ask(fmt::format("GET /health HTTP/1.1\r\nHost: {}\r\n\r\n", host)),
                    StartsWith("HTTP/1.1 200"));
    }
}

TEST_F(ServerTest, LetsNamedPagesIn) {
    start({.allowed_origins = {"https://app.example"}});
    EXPECT_THAT(ask(get("/health", "Origin: https://app.example\r\n")),
                HasSubstr("Access-Control-Allow-Origin: https://app.example\r\n"));
    for (const char* other :
         {"http://app.example", "https://app.example.evil", "https://app.example:8443", "null"})
        EXPECT_THAT(ask(get("/health", fmt::format("Origin: {}\r\n", other))), StartsWith("HTTP/1.1 403"))
            << other;
}

TEST_F(ServerTest, AWebPageSendsJsonByItsType) {
    start();
    const auto status = [&](std::string_view headers) {
        return ask(fmt::format(
                       "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n{}\r\n{}",
                       kPrompt.size(), headers, kPrompt))
            .substr(9, 3);
    };
    EXPECT_EQ(status(""), "200");  // a program
    EXPECT_EQ(status("Sec-Fetch-Site: same-origin\r\n"), "200");
    EXPECT_EQ(status("Origin: http://localhost:3000\r\n"), "415");
    EXPECT_EQ(status("Origin: http://localhost:3000\r\nContent-Type:\r\n"), "415");
    EXPECT_EQ(status("Sec-Fetch-Site: cross-site\r\n"), "415");
    EXPECT_EQ(status("Origin: http://localhost:3000\r\nContent-Type: text/plain\r\n"), "415");
    EXPECT_EQ(status("Origin: http://localhost:3000\r\nContent-Type: application/json; charset=utf-8\r\n"),
              "200");
}

TEST_F(ServerTest, LetsPagesOfLocalhostIn) {
    start();
    const std::string answer = ask(get("/health", "Origin: http://localhost:3000\r\n"));
    EXPECT_THAT(answer, HasSubstr("Access-Control-Allow-Origin: http://localhost:3000\r\n"));
    EXPECT_THAT(answer, HasSubstr("Vary: Origin\r\n"));
    EXPECT_THAT(ask(get("/nope", "Origin: http://localhost:3000\r\n")),
                HasSubstr("Access-Control-Allow-Origin: http://localhost:3000\r\n"));
    const std::string preflight =
        ask("OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: http://127.0.0.1:5173\r\n"
            "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: "
            "content-type,authorization\r\n\r\n");
    EXPECT_THAT(preflight, StartsWith("HTTP/1.1 204 "));
    EXPECT_THAT(preflight, HasSubstr("Access-Control-Allow-Methods: POST, OPTIONS\r\n"));
    EXPECT_THAT(preflight, HasSubstr("Access-Control-Allow-Headers: content-type,authorization\r\n"));
}

TEST_F(ServerTest, RequestIdsComeBack) {
    start();
    EXPECT_THAT(ask(get("/health", "X-Request-Id: abc-1\r\n")), HasSubstr("x-request-id: abc-1\r\n"));
    EXPECT_THAT(ask(get("/health", "X-Request-Id: a b\r\n")), HasSubstr("x-request-id: req_"));
}

TEST_F(ServerTest, AFaultBeforeTheFirstTokenIsAStatusAndAfterItAnEvent) {
    script->fail_after = "Hel";
    start();
    TestClient client(server->port());
    client.send(post("/v1/chat/completions", kHelloStream));
    ASSERT_TRUE(client.read_until("\r\n0\r\n\r\n"));
    EXPECT_THAT(client.received, StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(client.received, Not(HasSubstr("decode;dur")));
    EXPECT_THAT(client.received,
                HasSubstr("data: {\"error\":{\"message\":\"the model made NaN\",\"type\":\"server_error\""));
    EXPECT_THAT(client.received, Not(HasSubstr("[DONE]")));
    const std::string whole = ask(post("/v1/chat/completions", kHello));
    EXPECT_THAT(whole, StartsWith("HTTP/1.1 500 "));
    EXPECT_THAT(whole, HasSubstr(R"("code":"numeric_error")"));
}

TEST_F(ServerTest, AnExceptionEndsTheOneRequestThatItComesFrom) {
    script->throws = true;
    start();
    for (const char* path :
         {"/v1/chat/completions", "/v1/chat/completions", "/apply-template", "/api/generate"}) {
        const std::string answer = ask(post(path, kHello));  // the first one waits for its model
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 500")) << path;
        EXPECT_THAT(answer, HasSubstr(R"("code":"internal_error")")) << path;
    }
    EXPECT_THAT(ask(post("/v1/completions", kPrompt)), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, AFullQueueSaysWhenToComeBack) {
    script->queue = 0;
    start();
    const std::string answer = ask(post("/v1/chat/completions", kHelloStream));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 429 "));
    EXPECT_THAT(answer, HasSubstr("Retry-After: 1\r\n"));
    EXPECT_THAT(answer, HasSubstr(R"("type":"rate_limit_error","param":null,"code":"queue_full")"));
}

TEST(ServerStart, RefusesAPortInUseAndWhatIsNoAddress) {
    Catalog catalog(std::vector<ModelEntry>{});
    Service service(catalog, {}, {});
    const auto first = Server::start({.bind = "127.0.0.1:0", .handle_signals = false}, service);
    ASSERT_TRUE(first);
    const auto second = Server::start(
        {.bind = fmt::format("127.0.0.1:{}", (*first)->port()), .handle_signals = false}, service);
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().message,
                AllOf(HasSubstr(fmt::format("already in use by process {} (", getpid())),
                      HasSubstr("--bind 127.0.0.1:0")));
    for (const char* bad : {"127.0.0.1:x", "127.0.0.1:70000", "::1:80", "no such host:1"}) {
        EXPECT_FALSE(Server::start({.bind = bad, .handle_signals = false}, service)) << bad;
    }
}

// Documentation's own network (RFC 3849) is nobody's address.
TEST(ServerStart, NamesAnAddressAsBindTakesIt) {
    Catalog catalog(std::vector<ModelEntry>{});
    Service service(catalog, {}, {});
    const auto refused = Server::start({.bind = "[2001:db8::1]:80", .handle_signals = false}, service);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("[2001:db8::1]"));
}

TEST(ServerStart, ByDefaultTakesTheNextFreePort) {
    Catalog catalog(std::vector<ModelEntry>{});
    Service service(catalog, {}, {});
    const auto first = Server::start({.handle_signals = false}, service);
    const auto second = Server::start({.handle_signals = false}, service);
    ASSERT_TRUE(first && second);
    EXPECT_NE((*first)->port(), (*second)->port());
    EXPECT_EQ((*first)->address(), "127.0.0.1");
}

}  // namespace
}  // namespace shimmy
