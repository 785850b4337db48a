// WebSocket (RFC 6455), the server's side: handshake, frames, messages. Pure functions and a reader of bytes;
// no extensions. Whose socket it is knows the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "shimmy/api/http_message.h"

namespace shimmy {

// The head that switches protocols. Errors: kInvalidArgument, detail "upgrade_required" (not asked for, or
// another version) or "bad_request".
base::Result<ResponseHead> websocket_handshake(const HttpRequest& request);
// The one subprotocol; agreed on with clients that offer it. Browsers that offer any want one of theirs back,
// and a key that is offered is not sent back.
inline constexpr std::string_view kWebsocketSubprotocol = "shimmy";
// What the answer to an error "upgrade_required" has to name.
inline constexpr std::string_view kWebsocketVersion = "13";

enum class WsOpcode : uint8_t {
    kContinuation = 0,
    kText = 1,
    kBinary = 2,
    kClose = 8,
    kPing = 9,
    kPong = 10
};

// Section 7.4.1.
enum class WsClose : uint16_t {
    kNormal = 1000,
    kProtocolError = 1002,
    kNotUtf8 = 1007,
    kPolicy = 1008,
    kTooBig = 1009,
    kServerFault = 1011
};

// Appends one whole frame, not masked, as servers send it.
void append_ws_frame(std::string& out, WsOpcode opcode, std::string_view payload);
void append_ws_close(std::string& out, WsClose code, std::string_view why = {});  // of `why` 123 bytes count

// From a client's bytes to its messages, whatever pieces they come in. One thread.
class WsReader {
  public:
    struct Event {
        enum class Kind : uint8_t {
            kMessage,  // whole, fragments joined; a text is valid UTF-8
            kPing,     // to be answered with a pong of the same payload
            kClose,    // the client ends; nothing more follows
            kFault     // what came is wrong: to be told with `close`; nothing more follows
        };
        Kind kind;
        std::string payload;  // of a fault: why
        WsClose close = WsClose::kNormal;
    };

    explicit WsReader(size_t message_bytes_max) : message_bytes_max_(message_bytes_max) {}

    void feed(std::string_view bytes);
    std::optional<Event> next();                                           // nothing: more bytes are needed
    size_t held_bytes() const { return input_.size() + message_.size(); }  // of what is not whole yet

  private:
    struct Frame {
        bool final = false;
        WsOpcode opcode = WsOpcode::kContinuation;
        size_t header_bytes = 0, payload_bytes = 0;
        char mask[4] = {};
    };
    // Nothing: the header is not whole. `fault` is set when it cannot be served.
    std::optional<Frame> read_header(std::optional<Event>& fault) const;
    std::optional<Event> judge(const Frame& frame) const;
    std::string take_payload(const Frame& frame);
    std::optional<Event> on_control(WsOpcode opcode, std::string payload);
    std::optional<Event> on_data(const Frame& frame, std::string payload);
    std::optional<Event> end(Event event);

    const size_t message_bytes_max_;
    std::string input_;                                  // not yet parsed
    std::string message_;                                // the fragments so far
    WsOpcode message_opcode_ = WsOpcode::kContinuation;  // of the message under way; kContinuation: none
    bool ended_ = false;
};

}  // namespace shimmy
