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

TEST_F(GuardedServerTest, TellsThatItLives) {
    start();
    EXPECT_THAT(ask(get("/live")), HasSubstr(R"({"status":"ok"})"));
    EXPECT_THAT(ask(get("/ready")), HasSubstr(R"({"status":"ok","loaded":"","loading":""})"));
    EXPECT_THAT(ask(get("/diag")), HasSubstr(R"({"os":"linux","cores":)"));
}

}  // namespace
}  // namespace shimmy
