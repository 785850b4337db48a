// How the server treats sockets: order, limits, clients that go away, the end.
#include <gmock/gmock.h>

#include "shimmy/api/test_server.h"

namespace shimmy {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kHello = R"({"model":"alpha","messages":[{"role":"user","content":"Hi"}]})";
constexpr std::string_view kHelloStream =
    R"({"model":"alpha","messages":[{"role":"user","content":"Hi"}],"stream":true})";

TEST_F(ServerTest, KeepsAConnectionForManyRequests) {
    start();
    TestClient client(server->port());
    for (int i = 0; i < 20; ++i) {
        client.send(i % 2 == 0 ? get("/health") : post("/v1/chat/completions", kHello));
        ASSERT_THAT(client.response(), StartsWith("HTTP/1.1 200 OK\r\n")) << i;
    }
    client.send(get("/health", "Connection: close\r\n"));
    EXPECT_THAT(client.response(), HasSubstr("Connection: close\r\n"));
    EXPECT_TRUE(client.read_to_end());
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
    start();
    TestClient client(server->port());
    client.send(post("/v1/chat/completions", kHello) + get("/health") + get("/nope-but-fine"));
    EXPECT_THAT(client.response(), HasSubstr("chat.completion"));
    EXPECT_THAT(client.response(), HasSubstr("uptime_seconds"));
    EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 404 "));
}

TEST_F(ServerTest, AnswersAThousandPipelinedRequests) {
    start();
    TestClient client(server->port());
    std::string all;
    for (int i = 0; i < 1000; ++i) all += get(i % 2 == 0 ? "/live" : "/v1/models/alpha");
    std::jthread sender([&] { client.send(all); });
    for (int i = 0; i < 1000; ++i)
        ASSERT_THAT(client.response(), HasSubstr(i % 2 == 0 ? R"({"status":"ok"})" : R"("id":"alpha")")) << i;
}

TEST_F(ServerTest, ServesNothingBehindARefusedRequest) {
    start();
    const std::string hidden = get("/health");
    const std::string heads[] = {
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: "
        "40\r\n\r\n",
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: "
        "4\r\n\r\n0\r\n\r\n",
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: "
        "x\r\nX y\r\n\r\n"};
    for (const std::string& head : heads) {
        TestClient client(server->port());
        client.send(head + hidden + hidden);
        ASSERT_TRUE(client.read_to_end());
        EXPECT_THAT(client.received, StartsWith("HTTP/1.1 4"));
        EXPECT_EQ(client.received.find("HTTP/1.1", 8), std::string::npos) << head;
    }
}

TEST_F(ServerTest, SlowClientsByTheHundredHoldUpNobody) {
    ServerOptions options;
    options.limits.header = milliseconds(1000);
    start(options);
    std::vector<std::unique_ptr<TestClient>> slow;
    for (int i = 0; i < 128; ++i) {
        slow.push_back(std::make_unique<TestClient>(server->port()));
        slow.back()->send("GET /health HTTP/1.1\r\nHost: localhost\r\n");
    }
    const auto start_time = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - start_time < milliseconds(1500)) {
        for (const auto& each : slow) each->send("X-A: b\r\n");  // a line at a time wins no time
        EXPECT_THAT(ask(get("/health")), StartsWith("HTTP/1.1 200"));
        std::this_thread::sleep_for(milliseconds(50));
    }
    for (const auto& each : slow) {
        EXPECT_TRUE(each->read_to_end());
        EXPECT_THAT(each->received, testing::AnyOf(testing::IsEmpty(), StartsWith("HTTP/1.1 408")));
    }
}

TEST_F(ServerTest, AnswersHeadOptionsAndHttp10) {
    start();
    TestClient head(server->port());
    head.send("HEAD /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    ASSERT_TRUE(head.read_to_end());
    EXPECT_THAT(head.received, HasSubstr("Content-Length: "));
    EXPECT_THAT(head.received, testing::EndsWith("\r\n\r\n"));
    EXPECT_THAT(ask("OPTIONS /health HTTP/1.1\r\nHost: localhost\r\n\r\n"),
                HasSubstr("Allow: GET, HEAD, OPTIONS\r\n"));
    EXPECT_THAT(ask("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n"),
                AllOf(StartsWith("HTTP/1.1 204"), HasSubstr("Allow: GET, HEAD, POST, OPTIONS\r\n")));
    EXPECT_THAT(ask("GET * HTTP/1.1\r\nHost: localhost\r\n\r\n"), StartsWith("HTTP/1.1 404"));
    TestClient old(server->port());
    old.send("POST /v1/chat/completions HTTP/1.0\r\nContent-Length: " + std::to_string(kHelloStream.size()) +
             "\r\n\r\n" + std::string(kHelloStream));
    ASSERT_TRUE(old.read_to_end());
    EXPECT_THAT(old.received, Not(HasSubstr("chunked")));
    EXPECT_THAT(old.received, Not(HasSubstr("Trailer:")));
    EXPECT_THAT(old.received, testing::EndsWith("data: [DONE]\n\n"));
}

TEST_F(ServerTest, SaysContinueWhenAskedAndNotWhenRefused) {
    start();
    TestClient client(server->port());
    client.send(
        fmt::format("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                    "Content-Length: {}\r\n\r\n",
                    kHello.size()));
    ASSERT_TRUE(client.read_until("HTTP/1.1 100 Continue\r\n\r\n"));
    client.received.clear();
    client.send(kHello);
    EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 200 OK\r\n"));
    TestClient refused(server->port());
    refused.send(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
        "Content-Length: 999999999\r\n\r\n");
    EXPECT_THAT(refused.response(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(ServerTest, ALargeBodyInChunksArrives) {
    start();
    script->ctx_tokens = 1 << 22;
    const std::string text(1 << 20, 'a');
    const std::string body = R"({"model":"alpha","prompt":")" + text + R"("})";
    TestClient client(server->port());
    client.send("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (size_t at = 0; at < body.size(); at += 10000) {
        const std::string piece = body.substr(at, 10000);
        client.send(fmt::format("{:x}\r\n{}\r\n", piece.size(), piece));
    }
    client.send("0\r\n\r\n");
    EXPECT_THAT(client.response(), HasSubstr(fmt::format(R"("prompt_tokens":{})", text.size() + 1)));
}

TEST_F(ServerTest, MalformedRequestsGetA400AndTheEnd) {
    start();
    for (const char* bad :
         {"\x16\x03\x01\x02\x00\x01", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "nonsense\r\n\r\n",
          "GET /health HTTP/1.1\r\n\r\n", "GET /health HTTP/1.1\nHost: localhost\n\n",
          "GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
          "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
        TestClient client(server->port());
        client.send(bad);
        EXPECT_TRUE(client.read_to_end()) << bad;
        EXPECT_THAT(client.received, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
        EXPECT_THAT(client.received, HasSubstr("Connection: close\r\n"));
        EXPECT_THAT(client.received, HasSubstr(R"("code":"bad_request")"));
    }
    EXPECT_THAT(ask(get("/health")), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, SlowClientsAreGivenATime) {
    ServerOptions options;
    options.limits.header = milliseconds(300);
    options.limits.body = milliseconds(300);
    options.limits.idle = milliseconds(300);
    start(options);
    TestClient header(server->port()), body(server->port()), idle(server->port());
    header.send("GET /health HTTP/1.1\r\nHost: loc");
    body.send("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{");
    EXPECT_TRUE(header.read_to_end());
    EXPECT_THAT(header.received, StartsWith("HTTP/1.1 408 "));
    EXPECT_TRUE(body.read_to_end());
    EXPECT_THAT(body.received, StartsWith("HTTP/1.1 408 "));
    EXPECT_TRUE(idle.read_to_end());
    EXPECT_EQ(idle.received, "");
}

class ServerCancels : public ServerTest, public testing::WithParamInterface<std::string_view> {};
TEST_P(ServerCancels, WhenTheClientGoes) {
    script->endless = true;
    script->step = std::chrono::microseconds(200);
    start();
    std::vector<std::unique_ptr<TestClient>> clients;
    for (int i = 0; i < 8; ++i) {
        clients.push_back(std::make_unique<TestClient>(server->port()));
        clients.back()->send(post("/v1/chat/completions", GetParam()));
    }
    ASSERT_TRUE(eventually([&] { return script->running == 8; }));
    clients.clear();
    EXPECT_TRUE(eventually([&] { return script->running == 0; }));
    EXPECT_EQ(script->cancelled, 8);
}
INSTANTIATE_TEST_SUITE_P(WhenTheClientGoes, ServerCancels, testing::Values(kHello, kHelloStream),
                         [](const auto& info) { return info.param == kHello ? "Whole" : "Streamed"; });

TEST_F(ServerTest, CancelsWhatIsStillQueued) {
    script->admit = false;
    start();
    {
        TestClient client(server->port());
        client.send(post("/v1/chat/completions", kHello));
        ASSERT_TRUE(eventually([&] { return script->running == 1; }));
    }
    EXPECT_TRUE(eventually([&] { return script->cancelled == 1; }));
}

TEST_F(ServerTest, AClientThatEndsItsSideStillHearsWhatIsReady) {
    start();
    TestClient client(server->port());
    client.send(
        post("/v1/chat/completions", R"({"model":"nope","messages":[{"role":"user","content":"x"}]})"));
    client.end_sending();
    ASSERT_TRUE(client.read_to_end());
    EXPECT_THAT(client.received, HasSubstr("model_not_found"));
}

TEST_F(ServerTest, ASlowReaderHoldsUpOnlyItself) {
    script->endless = true;
    ServerOptions options;
    options.limits.write = milliseconds(500);
    start(options);
    TestClient slow(server->port());
    const int small = 1024;
    setsockopt(slow.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    slow.send(post("/v1/chat/completions", kHelloStream));
    ASSERT_TRUE(slow.read_until("data: "));
    TestClient quick(server->port());
    quick.send(post("/v1/chat/completions",
                    R"({"model":"alpha","max_tokens":20,"messages":[{"role":"user","content":"x"}]})"));
    EXPECT_THAT(quick.response(), StartsWith("HTTP/1.1 200"));
    EXPECT_TRUE(eventually([&] { return script->running == 0; }));  // the slow one has been dropped
}

TEST_F(ServerTest, ServesBesideHundredsOfIdleConnections) {
    start();
    std::vector<std::unique_ptr<TestClient>> idle;
    for (int i = 0; i < 300; ++i) {
        idle.push_back(std::make_unique<TestClient>(server->port()));
        if (i % 2 == 0) idle.back()->send("GET /health HTTP/1.1\r\n");
    }
    EXPECT_THAT(ask(get("/health")), StartsWith("HTTP/1.1 200"));
    idle.back()->send(get("/health"));
    EXPECT_THAT(idle.back()->response(), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, TooManyConnectionsAreTold) {
    ServerOptions options;
    options.limits.connections = 2;
    start(options);
    TestClient first(server->port()), second(server->port());
    first.send(get("/health"));
    second.send(get("/health"));
    first.response();
    second.response();
    TestClient third(server->port());
    ASSERT_TRUE(third.read_to_end());
    EXPECT_THAT(third.received, StartsWith("HTTP/1.1 503 "));
}

TEST_F(ServerTest, AllBodiesTogetherHaveALimit) {
    ServerOptions options;
    options.limits.all_bodies_bytes = 200'000;
    start(options);
    const std::string head =
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 150000\r\n\r\n";
    TestClient first(server->port());
    {
        TestClient second(server->port());
        first.send(head + std::string(120'000, ' '));
        second.send(head + std::string(120'000, ' '));
        const bool first_refused = first.read_until("HTTP/1.1 503 ", milliseconds(300));
        EXPECT_TRUE(first_refused || second.read_until("HTTP/1.1 503 "));
    }
    // One of the two may still be open with its 120,000 bytes; all else that was counted has been forgotten.
    for (int i = 0; i < 5; ++i) {
        EXPECT_THAT(ask(post("/v1/completions", std::string(50'000, ' '))), StartsWith("HTTP/1.1 400 "));
    }
}

TEST_F(ServerTest, StopsWhenRunningRequestsAreAnswered) {
    script->admit = false;
    start();
    TestClient idle(server->port()), busy(server->port());
    busy.send(post("/v1/chat/completions", kHello));
    ASSERT_TRUE(eventually([&] { return script->running == 1; }));
    server->stop();
    EXPECT_TRUE(idle.read_to_end());
    script->admit = true;
    ASSERT_TRUE(busy.read_to_end());
    EXPECT_THAT(busy.received, HasSubstr(R"("content":"Hello there.")"));
    EXPECT_THAT(busy.received, HasSubstr("Connection: close\r\n"));
    server->wait();
}

TEST_F(ServerTest, StopsInTimeWhateverRuns) {
    script->endless = true;
    ServerOptions options;
    options.limits.drain = milliseconds(100);
    start(options);
    TestClient busy(server->port());
    busy.send(post("/v1/chat/completions", kHello));
    ASSERT_TRUE(eventually([&] { return script->running == 1; }));
    server->stop();
    server->wait();
    EXPECT_TRUE(busy.read_to_end());
    EXPECT_TRUE(eventually([&] { return script->cancelled == 1; }));
}

}  // namespace
}  // namespace shimmy
