#include "shimmy/api/api_keys.h"
#include "base/test_dir.h"

#include <gmock/gmock.h>

#include <fstream>

#include "shimmy/api/test_server.h"

namespace shimmy {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

HttpRequest with_header(std::string name, std::string value) {
    HttpRequest request;
    request.headers.emplace_back(std::move(name), std::move(value));
    return request;
}

TEST(ApiKeys, AreSentInTwoWays) {
    ApiKeys keys;
    EXPECT_TRUE(keys.check({}));
    ASSERT_TRUE(keys.add("secret"));
    ASSERT_TRUE(keys.add("ann:other"));
    EXPECT_FALSE(keys.check({}));
    EXPECT_TRUE(keys.check(with_header("Authorization", "Bearer secret")));
    EXPECT_TRUE(keys.check(with_header("authorization", "bearer  other ")));
    EXPECT_TRUE(keys.check(with_header("X-Api-Key", "secret")));
    for (const char* wrong :
         {"Bearer Secret", "Bearer secret2", "Basic secret", "secret", "Bearer ", "Bearer ann:other"})
        EXPECT_FALSE(keys.check(with_header("Authorization", wrong))) << wrong;
}

TEST(ApiKeys, MayBeDigests) {
    ApiKeys keys;
    ASSERT_TRUE(keys.add("ann:sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    EXPECT_TRUE(keys.check(with_header("x-api-key", "abc")));
    EXPECT_FALSE(keys.add("ann:sha256:ba78"));
    EXPECT_FALSE(keys.add("ann:"));
}

TEST(ApiKeys, MayHaveLimits) {
    ApiKeys keys;
    ASSERT_TRUE(keys.add("ann:secret rpm=3\tconcurrent=2"));
    ASSERT_TRUE(keys.add("free"));
    EXPECT_TRUE(keys.check(with_header("x-api-key", "secret")));
    EXPECT_NE(keys.holder_of(with_header("x-api-key", "secret")).use, nullptr);
    EXPECT_EQ(keys.holder_of(with_header("x-api-key", "free")).use, nullptr);
    for (const char* wrong :
         {"a:b rpm=0", "a:b rpm=x", "a:b rpm", "a:b speed=3", "a:b rpm=-1", "a:b concurrent=1.5"})
        EXPECT_FALSE(keys.add(wrong)) << wrong;
}

TEST(ApiKeys, CountOnWhatWasUsedBefore) {
    ApiKeys before, after;
    ASSERT_TRUE(before.add("one rpm=1"));
    ASSERT_TRUE(before.add("two rpm=1"));
    ASSERT_TRUE(after.add("one rpm=1"));
    ASSERT_TRUE(after.add("new rpm=1"));
    const auto ask = [](const ApiKeys& keys, const char* key) {
        return keys.holder_of(with_header("x-api-key", key))
            .use->enter(base::Clock::now())
            .permit.has_value();
    };
    EXPECT_TRUE(ask(before, "one"));
    after.take_over(before);
    EXPECT_FALSE(ask(after, "one"));
    EXPECT_TRUE(ask(after, "new"));
    EXPECT_FALSE(after.check(with_header("x-api-key", "two")));
}

TEST(ApiKeys, AFileWithoutKeysIsAnError) {
    const base::TestDir dir;
    const std::string path = dir / "keys.txt";
    std::ofstream(path) << "# nobody\n\n";
    ApiKeys keys;
    EXPECT_FALSE(keys.add_file(path));
    std::ofstream(path) << "# somebody\nann:secret\nbob:sha256:12\n";
    const auto faulty = keys.add_file(path);
    ASSERT_FALSE(faulty);
    EXPECT_THAT(faulty.error().message, HasSubstr("line 3"));
    EXPECT_FALSE(ApiKeys().add_file(path + ".none"));
}

class GuardedServerTest : public ServerTest {
  protected:
    void start_with_key() {
        ServerOptions options;
        ASSERT_TRUE(options.keys.add("ann:secret"));
        start(options);
    }
};

TEST_F(GuardedServerTest, GuardsEveryRouteButTheProbes) {
    start_with_key();
    for (const char* open : {"/health", "/live", "/v1/health"})
        EXPECT_THAT(ask(get(open)), StartsWith("HTTP/1.1 200")) << open;
    for (const char* guarded : {"/", "/v1/models", "/ready", "/diag", "/nothing"})
        EXPECT_THAT(ask(get(guarded)),
                    AllOf(StartsWith("HTTP/1.1 401"), HasSubstr("WWW-Authenticate: Bearer\r\n"),
                          HasSubstr(R"("code":"invalid_api_key")")))
            << guarded;
    EXPECT_THAT(ask(get("/v1/models", "Authorization: Bearer secret\r\n")), StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(ask(post("/v1/chat/completions", "{}", "Authorization: Bearer wrong\r\n")),
                AllOf(StartsWith("HTTP/1.1 401"), HasSubstr("Incorrect API key")));
}

TEST_F(GuardedServerTest, KeysShareNoPrefixes) {
    ServerOptions options;
    ASSERT_TRUE(options.keys.add("one"));
    ASSERT_TRUE(options.keys.add("two"));
    start(options);
    for (const char* key : {"one", "two"})
        ask(post("/v1/completions", R"({"model":"alpha","prompt":"Hi","max_tokens":1})",
                 fmt::format("x-api-key: {}\r\n", key)));
    ASSERT_EQ(script->requests.size(), 2u);
    EXPECT_NE(script->requests[0].cache_salt, script->requests[1].cache_salt);
}

TEST_F(GuardedServerTest, AKeyHasARate) {
    ServerOptions options;
    ASSERT_TRUE(options.keys.add("slow rpm=2"));
    ASSERT_TRUE(options.keys.add("free"));
    start(options);
    const auto ask_as = [&](const char* key) {
        return ask(post("/v1/completions", R"({"model":"alpha","prompt":"Hi","max_tokens":1})",
                        fmt::format("x-api-key: {}\r\n", key)));
    };
    const std::string first = ask_as("slow");
    EXPECT_THAT(first, AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("x-ratelimit-limit-requests: 2\r\n"),
                             HasSubstr("x-ratelimit-remaining-requests: 1\r\n"),
                             HasSubstr("x-ratelimit-reset-requests: 30s\r\n")));
    EXPECT_THAT(ask(get("/v1/models", "x-api-key: slow\r\n")), StartsWith("HTTP/1.1 200"));  // costs nothing
    EXPECT_THAT(ask_as("slow"), StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(ask_as("slow"), AllOf(StartsWith("HTTP/1.1 429"), HasSubstr("Retry-After: 30\r\n"),
                                      HasSubstr("x-ratelimit-remaining-requests: 0\r\n"),
                                      HasSubstr(R"("type":"rate_limit_error")"),
                                      HasSubstr(R"("code":"rate_limit_exceeded")")));
    EXPECT_THAT(ask_as("free"), AllOf(StartsWith("HTTP/1.1 200"), testing::Not(HasSubstr("x-ratelimit"))));
}

TEST_F(GuardedServerTest, AKeyHasARoomForRequestsAtOnce) {
    script->endless = true;
    script->step = std::chrono::microseconds(200);
    ServerOptions options;
    ASSERT_TRUE(options.keys.add("two concurrent=2"));
    start(options);
    const std::string endless =
        post("/v1/completions", R"({"model":"alpha","prompt":"Hi","stream":true,"max_tokens":1000000})",
             "x-api-key: two\r\n");
    const std::string brief =
        post("/v1/completions", R"({"model":"alpha","prompt":"Hi","max_tokens":1})", "x-api-key: two\r\n");
    TestClient first(server->port());
    auto second = std::make_unique<TestClient>(server->port());
    first.send(endless);
    second->send(endless);
    ASSERT_TRUE(eventually([&] { return script->running == 2; }));
    EXPECT_THAT(ask(brief), AllOf(StartsWith("HTTP/1.1 429"), HasSubstr("2 requests at once"),
                                  HasSubstr("Retry-After: 1\r\n")));
    second.reset();
    EXPECT_TRUE(eventually([&] { return ask(brief).starts_with("HTTP/1.1 200"); }));
}

TEST_F(GuardedServerTest, KeysAreReadAgain) {
    ServerOptions options;
    ASSERT_TRUE(options.keys.add("old"));
    bool faulty = false;
    options.reload_keys = [&]() -> base::Result<ApiKeys> {
        ApiKeys keys;
        TRY_VOID(keys.add(faulty ? "a:" : "new"));
        return keys;
    };
    start(options);
    const auto status = [&](const char* key) {
        return ask(get("/v1/models", fmt::format("x-api-key: {}\r\n", key))).substr(9, 3);
    };
    EXPECT_EQ(status("old") + status("new"), "200401");
    server->reload();
    EXPECT_EQ(status("old") + status("new"), "401200");
    faulty = true;
    server->reload();
    EXPECT_EQ(status("old") + status("new"), "401200");
}

TEST_F(GuardedServerTest, TellsThatItLives) {
    start();
    EXPECT_THAT(ask(get("/live")), HasSubstr(R"({"status":"ok"})"));
    EXPECT_THAT(ask(get("/ready")), HasSubstr(R"({"status":"ok","loaded":"","loading":""})"));
    EXPECT_THAT(ask(get("/diag")), HasSubstr(R"({"os":"linux","cores":)"));
}

}  // namespace
}  // namespace shimmy
