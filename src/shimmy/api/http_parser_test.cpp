#include "shimmy/api/http_parser.h"

#include <gmock/gmock.h>

#include "base/test_name.h"
namespace shimmy {
namespace {

using testing::HasSubstr;
using State = HttpParser::State;

struct Outcome {
    HttpRequest request;
    base::Error error;
    bool complete = false;
    size_t used = 0;
};

// Feeds the text in pieces of `piece` bytes, as a socket would deliver it.
Outcome parse(std::string_view text, size_t piece, size_t body_max = 1000, size_t header_max = 1000) {
    HttpParser parser(header_max);
    Outcome outcome;
    std::string pending;
    for (size_t at = 0; at < text.size() || !pending.empty();) {
        pending += text.substr(at, piece);
        at = std::min(at + piece, text.size());
        for (bool again = true; again;) {
            const auto progress = parser.feed(pending);
            if (!progress) {
                outcome.error = progress.error();
                return outcome;
            }
            pending.erase(0, progress->used_bytes);
            outcome.used += progress->used_bytes;
            again = progress->state == State::kHeaderDone;
            if (again) {
                if (auto fits = parser.limit_body(body_max); !fits) {
                    outcome.error = fits.error();
                    return outcome;
                }
            }
            if (progress->state == State::kComplete) {
                outcome.request = parser.request();
                outcome.complete = true;
                return outcome;
            }
        }
        if (at == text.size()) return outcome;
    }
    return outcome;
}

constexpr std::string_view kPost =
    "POST /v1/x?y=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-A: 1\r\nExpect: 100-continue\r\n\r\nhello";

TEST(HttpParser, ReadsARequestInAnyPieces) {
    for (const size_t piece : {1u, 2u, 7u, 1000u}) {
        const Outcome got = parse(std::string(kPost) + "GET /next", piece);
        ASSERT_TRUE(got.complete) << piece;
        EXPECT_EQ(got.used, kPost.size());
        EXPECT_EQ(got.request.method, "POST");
        EXPECT_EQ(got.request.target, "/v1/x?y=1");
        EXPECT_EQ(got.request.body, "hello");
        EXPECT_TRUE(got.request.keep_alive);
        EXPECT_TRUE(got.request.expects_continue);
        EXPECT_EQ(*got.request.header("x-a"), "1");
        EXPECT_EQ(got.request.header("x-b"), nullptr);
    }
}

TEST(HttpParser, ReadsChunks) {
    for (const size_t piece : {1u, 5u, 1000u}) {
        const Outcome got = parse(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
            "Chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: 1\r\n\r\n",
            piece);
        ASSERT_TRUE(got.complete) << piece << got.error.message;
        EXPECT_EQ(got.request.body, "abc0123456789");
    }
}

TEST(HttpParser, KnowsWhoClosesTheConnection) {
    EXPECT_FALSE(parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 100).request.keep_alive);
    EXPECT_FALSE(parse("GET / HTTP/1.0\r\n\r\n", 100).request.keep_alive);
    EXPECT_TRUE(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 100).request.keep_alive);
}

struct Bad {
    std::string text;
    std::string detail;
};
class HttpParserRefuses : public testing::TestWithParam<Bad> {};
TEST_P(HttpParserRefuses, InAnyPieces) {
    for (const size_t piece : {1u, 10000u}) {
        const Outcome got = parse(GetParam().text, piece);
        EXPECT_FALSE(got.complete) << GetParam().text;
        EXPECT_EQ(got.error.detail, GetParam().detail) << GetParam().text;
    }
}
const std::string kHead = "POST / HTTP/1.1\r\nHost: a\r\n";
INSTANTIATE_TEST_SUITE_P(
    All, HttpParserRefuses,
    testing::Values(
        Bad{"\x16\x03\x01\x02", "bad_request"}, Bad{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "bad_request"},
        Bad{"nonsense\r\n\r\n", "bad_request"}, Bad{"GET /\r\n\r\n", "bad_request"},
        Bad{"GET / HTTP/1.1\r\n\r\n", "bad_request"},  // no Host
        Bad{"GET / HTTP/3.0\r\nHost: a\r\n\r\n", "bad_request"},
        Bad{"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "bad_request"},
        Bad{kHead + "X : 1\r\n\r\n", "bad_request"}, Bad{kHead + "X: 1\r\n Y\r\n\r\n", "bad_request"},
        Bad{kHead + "X: a\x01"
                    "b\r\n\r\n",
            "bad_request"},
        Bad{kHead + "Content-Length: +5\r\n\r\nhello", "bad_request"},
        Bad{kHead + "Content-Length: -5\r\n\r\nhello", "bad_request"},
        Bad{kHead + "Content-Length: 5x\r\n\r\nhello", "bad_request"},
        Bad{kHead + "Content-Length: 99999999999999999999\r\n\r\n", "bad_request"},
        Bad{kHead + "Content-Length: 5, 5\r\n\r\nhello", "bad_request"},
        Bad{kHead + "Content-Length: 5 5\r\n\r\nhello", "bad_request"},
        Bad{kHead + "Content-Length:\r\n\r\n", "bad_request"},
        Bad{kHead + "Content-Length: 0x5\r\n\r\nhello", "bad_request"},
        Bad{kHead + "X: a\rY: b\r\n\r\n", "bad_request"},
        Bad{kHead + " Transfer-Encoding: chunked\r\n\r\n", "bad_request"},
        Bad{kHead + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "bad_request"},
        Bad{kHead + "Transfer-Encoding: \x0b" + "chunked\r\n\r\n0\r\n\r\n", "bad_request"},
        Bad{kHead + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
            "bad_request"},
        Bad{kHead + "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", "bad_request"},
        Bad{kHead + "Transfer-Encoding: chunked\r\n\r\n 3\r\nabc\r\n0\r\n\r\n", "bad_request"},
        Bad{kHead + "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n", "bad_request"},
        Bad{kHead + "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n", "request_too_large"},
        Bad{kHead + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "bad_request"},
        Bad{kHead + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "bad_request"},
        Bad{kHead + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "bad_request"},
        Bad{kHead + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "bad_request"},
        Bad{kHead + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "bad_request"},
        Bad{kHead + "Transfer-Encoding: gzip\r\n\r\n", "bad_request"},
        Bad{"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "bad_request"},
        Bad{kHead + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", "bad_request"},
        Bad{kHead + "Transfer-Encoding: chunked\r\n\r\n-1\r\n", "bad_request"},
        Bad{kHead + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", "bad_request"},
        Bad{kHead + "Content-Length: 1001\r\n\r\n", "request_too_large"},
        Bad{kHead + "Content-Length: 8589934592\r\n\r\n", "request_too_large"},
        Bad{kHead + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'a'),
            "request_too_large"},
        Bad{kHead + "X: " + std::string(2000, 'a') + "\r\n\r\n", "headers_too_large"},
        Bad{"GET /" + std::string(2000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", "headers_too_large"}),
    [](const auto& info) {
        return base::test_name(info.index, info.param.text.starts_with(kHead)
                                               ? info.param.text.substr(kHead.size())
                                               : info.param.text);
    });

TEST(HttpParser, DoesNotReserveWhatIsOnlyAnnounced) {
    HttpParser parser(1000);
    ASSERT_TRUE(parser.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n"));
    ASSERT_TRUE(parser.limit_body(2000000000));
    ASSERT_TRUE(parser.feed("abc"));
    EXPECT_LT(parser.request().body.capacity(), 1000u);
}

}  // namespace
}  // namespace shimmy
