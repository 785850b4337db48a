#include "shimmy/api/websocket.h"

#include <gmock/gmock.h>

#include "base/test_name.h"
#include "shimmy/api/ws_test_client.h"

namespace shimmy {
namespace {

using testing::HasSubstr;
using Kind = WsReader::Event::Kind;

// All events of the bytes, fed in pieces.
std::vector<WsReader::Event> read_all(std::string_view bytes, size_t piece, size_t message_max = 100'000) {
    WsReader reader(message_max);
    std::vector<WsReader::Event> events;
    for (size_t at = 0; at < bytes.size(); at += piece) {
        reader.feed(bytes.substr(at, piece));
        while (auto event = reader.next()) events.push_back(*std::move(event));
    }
    return events;
}

HttpRequest handshake() {
    return {.method = "GET",
            .target = "/",
            .headers = {{"Upgrade", "WebSocket"},
                        {"Connection", "keep-alive, Upgrade"},
                        {"Sec-WebSocket-Version", "13"},
                        {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}}};
}

TEST(WebsocketHandshake, GivesTheAcceptValueOfTheStandard) {
    const auto head = websocket_handshake(handshake());
    ASSERT_TRUE(head);
    EXPECT_EQ(head->status, 101);
    EXPECT_EQ(head->headers.back().second, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebsocketHandshake, RefusesWhatIsNone) {
    const auto refused = [](size_t header, const char* value) {
        HttpRequest request = handshake();
        request.headers[header].second = value;
        const auto head = websocket_handshake(request);
        return head ? std::string() : head.error().detail;
    };
    EXPECT_EQ(refused(0, "h2c"), "upgrade_required");
    EXPECT_EQ(refused(1, "keep-alive"), "upgrade_required");
    EXPECT_EQ(refused(2, "8"), "upgrade_required");
    for (const char* key :
         {"", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZXh4", "dGhl!HNhbXBsZSBub25jZQ=="})
        EXPECT_EQ(refused(3, key), "bad_request") << key;
    HttpRequest post = handshake();
    post.method = "POST";
    EXPECT_FALSE(websocket_handshake(post));
}

TEST(WsReader, ReadsTheStandardsExamples) {
    EXPECT_EQ(read_all("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 100).at(0).payload, "Hello");
    const auto ping = read_all("\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 100).at(0);
    EXPECT_EQ(ping.kind, Kind::kPing);
    EXPECT_EQ(ping.payload, "Hello");
}

TEST(WsReader, JoinsFragmentsWithControlFramesBetween) {
    const std::string text = std::string(200, 'x') + "\xc3\xa9" + std::string(70'000, 'y');
    const std::string bytes = client_frame(1, text.substr(0, 201), false) + client_frame(9, "p") +
                              client_frame(0, text.substr(201, 300), false) + client_frame(0, "", false) +
                              client_frame(10, "unasked") + client_frame(0, text.substr(501)) +
                              client_frame(2, "next") + client_frame(8, "\x03\xe8");
    for (const size_t piece : {1u, 7u, 4096u, 1'000'000u}) {
        const auto events = read_all(bytes, piece);
        ASSERT_EQ(events.size(), 4u) << piece;
        EXPECT_EQ(events[0].kind, Kind::kPing);
        EXPECT_EQ(events[1].payload, text);
        EXPECT_EQ(events[2].payload, "next");
        EXPECT_EQ(events[3].kind, Kind::kClose);
    }
}

TEST(WsReader, HoldsNoMoreThanIsUnderWay) {
    WsReader reader(1000);
    reader.feed(client_frame(1, std::string(600, 'a'), false));
    EXPECT_FALSE(reader.next());
    EXPECT_EQ(reader.held_bytes(), 600u);
    reader.feed(client_frame(0, std::string(400, 'a')));
    EXPECT_EQ(reader.next()->payload.size(), 1000u);
    EXPECT_EQ(reader.held_bytes(), 0u);
}

struct Wrong {
    std::string bytes;
    WsClose close;
    std::string why;
};
class WsReaderRefuses : public testing::TestWithParam<Wrong> {};
TEST_P(WsReaderRefuses, InAnyPieces) {
    for (const size_t piece : {1u, 100'000u}) {
        const auto events = read_all(GetParam().bytes + client_frame(1, "after"), piece, 100);
        ASSERT_EQ(events.size(), 1u);
        EXPECT_EQ(events[0].kind, Kind::kFault);
        EXPECT_EQ(events[0].close, GetParam().close);
        EXPECT_THAT(events[0].payload, HasSubstr(GetParam().why));
    }
}
const std::string kMask(4, '\0');
INSTANTIATE_TEST_SUITE_P(
    All, WsReaderRefuses,
    testing::Values(
        Wrong{"\x81\x05hello", WsClose::kProtocolError, "not masked"},
        Wrong{"\xc1\x85" + kMask + "hello", WsClose::kProtocolError, "reserved bits"},
        Wrong{client_frame(3, "x"), WsClose::kProtocolError, "opcode 3"},
        Wrong{client_frame(15, "x"), WsClose::kProtocolError, "opcode 15"},
        Wrong{client_frame(9, "x", false), WsClose::kProtocolError, "control frame"},
        Wrong{client_frame(9, std::string(126, 'x')), WsClose::kProtocolError, "control frame"},
        Wrong{client_frame(0, "x"), WsClose::kProtocolError, "out of order"},
        Wrong{client_frame(1, "x", false) + client_frame(1, "y"), WsClose::kProtocolError, "out of order"},
        Wrong{std::string("\x81\xfe\x00\x05", 4) + kMask + "hello", WsClose::kProtocolError, "length"},
        Wrong{std::string("\x81\xff\0\0\0\0\0\0\0\x05", 10) + kMask + "hello", WsClose::kProtocolError,
              "length"},
        Wrong{"\x81\xff" + std::string(8, '\xff') + kMask, WsClose::kProtocolError, "length"},
        Wrong{client_frame(1, std::string(101, 'x')), WsClose::kTooBig, "100 bytes"},
        Wrong{"\x81\xff\x7f" + std::string(7, '\xff'), WsClose::kTooBig,
              "100 bytes"},  // told before it comes
        Wrong{client_frame(1, std::string(60, 'x'), false) + client_frame(0, std::string(60, 'x')),
              WsClose::kTooBig, "100 bytes"},
        Wrong{client_frame(1, "\xc3"), WsClose::kNotUtf8, "not UTF-8"},
        Wrong{client_frame(1, "\xed\xa0\x80"), WsClose::kNotUtf8, "not UTF-8"},
        Wrong{client_frame(8, "\x03"), WsClose::kProtocolError, "close frame"},
        Wrong{client_frame(8, "\x03\xed"), WsClose::kProtocolError, "close frame"},  // 1005 is never sent
        Wrong{client_frame(8, std::string("\x00\x00", 2)), WsClose::kProtocolError, "close frame"},
        Wrong{client_frame(8, "\x03\xe8\xff"), WsClose::kNotUtf8, "reason"}),
    [](const auto& info) { return base::test_name(info.index, info.param.why); });

TEST(WsFrames, AreWrittenWithTheShortestLength) {
    for (const size_t size : {0u, 125u, 126u, 65'535u, 65'536u}) {
        std::string out;
        append_ws_frame(out, WsOpcode::kBinary, std::string(size, 'z'));
        const size_t header = size <= 125 ? 2 : size <= 65'535 ? 4 : 10;
        EXPECT_EQ(out.size(), header + size);
        const auto frames = server_frames(out);
        ASSERT_EQ(frames.size(), 1u);
        EXPECT_EQ(frames[0].opcode, 2);
        EXPECT_EQ(frames[0].payload, std::string(size, 'z'));
    }
    std::string close;
    append_ws_close(close, WsClose::kTooBig, std::string(122, 'a') + "\xc3\xa9");
    EXPECT_EQ(server_frames(close)[0].payload, "\x03\xf1" + std::string(122, 'a'));  // no half character
}

}  // namespace
}  // namespace shimmy
