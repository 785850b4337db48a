#include <gmock/gmock.h>

#include "shimmy/api/test_server.h"

namespace shimmy {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kHello = R"({"model":"alpha","messages":[{"role":"user","content":"Hi"}]})";

TEST_F(ServerTest, TellsItsHealth) {
    start();
    const std::string answer = ask(get("/health"));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr(R"("status":"ok","service":"shimmy","version":"1.2.3")"));
}

TEST_F(ServerTest, ChatAnswersWhole) {
    start();
    const std::string answer = ask(post("/v1/chat/completions", kHello));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr(R"("message":{"role":"assistant","content":"Hello there.","refusal":null})"));
}

}  // namespace
}  // namespace shimmy
