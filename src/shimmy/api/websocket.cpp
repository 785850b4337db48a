#include "shimmy/api/websocket.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace shimmy {

using base::Error;
using base::ErrorCode;

namespace {

constexpr std::string_view kAcceptGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr size_t kKeyChars = 24, kKeyBytes = 16;
constexpr size_t kControlPayloadMax = 125;
constexpr uint8_t kFinal = 0x80, kReserved = 0x70, kMasked = 0x80;
constexpr uint8_t kLength16 = 126, kLength64 = 127;

std::string base64(const unsigned char* data, size_t size) {
    std::string out(4 * ((size + 2) / 3) + 1, '\0');
    out.resize(static_cast<size_t>(
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), data, static_cast<int>(size))));
    return out;
}

bool is_nonce(const std::string& key) {
    if (key.size() != kKeyChars || !key.ends_with("==")) return false;
    unsigned char decoded[kKeyBytes + 2];  // the padding counts as zeros
    return EVP_DecodeBlock(decoded, reinterpret_cast<const unsigned char*>(key.data()), kKeyChars) ==
           sizeof decoded;
}

std::string accept_value(const std::string& key) {
    const std::string text = key + std::string(kAcceptGuid);
    unsigned char digest[SHA_DIGEST_LENGTH];
    SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
    return base64(digest, sizeof digest);
}

// Whether a comma-separated header has this word, in any case.
bool lists(const std::string* header, std::string_view word) {
    return std::ranges::any_of(list_items(header),
                               [&](std::string_view item) { return equals_ignoring_case(item, word); });
}

std::unexpected<Error> refuse(std::string_view detail, std::string message) {
    return std::unexpected(Error{ErrorCode::kInvalidArgument, std::move(message), {}, std::string(detail)});
}

bool is_close_code(unsigned code) {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

WsReader::Event fault(WsClose code, std::string why) {
    return {WsReader::Event::Kind::kFault, std::move(why), code};
}

uint64_t big_endian(std::string_view bytes) {
    uint64_t value = 0;
    for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
    return value;
}

bool is_control(WsOpcode opcode) { return static_cast<uint8_t>(opcode) >= 8; }

}  // namespace

base::Result<ResponseHead> websocket_handshake(const HttpRequest& request) {
    const bool asked = request.method == "GET" && !request.http_1_0 &&
                       lists(request.header("upgrade"), "websocket") &&
                       lists(request.header("connection"), "upgrade");
    if (!asked) {
        return refuse("upgrade_required",
                      "This is a WebSocket: connect with a WebSocket client, to a URL that begins with ws:// "
                      "or wss://.");
    }
    const std::string* version = request.header("sec-websocket-version");
    if (version == nullptr || *version != kWebsocketVersion)
        return refuse("upgrade_required", "Only version 13 of the WebSocket protocol is supported.");
    const std::string* key = request.header("sec-websocket-key");
    if (key == nullptr || !is_nonce(*key))
        return refuse("bad_request", "Sec-WebSocket-Key is not 16 bytes in base64.");
    ResponseHead head{.status = 101,
                      .content_type = {},
                      .headers = {{"Upgrade", "websocket"},
                                  {"Connection", "Upgrade"},
                                  {"Sec-WebSocket-Accept", accept_value(*key)}}};
    if (std::ranges::count(list_items(request.header("sec-websocket-protocol")), kWebsocketSubprotocol) > 0)
        head.headers.emplace_back("Sec-WebSocket-Protocol", kWebsocketSubprotocol);
    return head;
}

void append_ws_frame(std::string& out, WsOpcode opcode, std::string_view payload) {
    out += static_cast<char>(kFinal | static_cast<uint8_t>(opcode));
    int length_bytes = 0;
    if (payload.size() <= kControlPayloadMax) {
        out += static_cast<char>(payload.size());
    } else if (payload.size() <= 0xffff) {
        out += static_cast<char>(kLength16);
        length_bytes = 2;
    } else {
        out += static_cast<char>(kLength64);
        length_bytes = 8;
    }
    for (int i = length_bytes - 1; i >= 0; --i) out += static_cast<char>(payload.size() >> (8 * i) & 0xff);
    out += payload;
}

void append_ws_close(std::string& out, WsClose code, std::string_view why) {
    std::string payload;
    payload += static_cast<char>(static_cast<uint16_t>(code) >> 8);
    payload += static_cast<char>(static_cast<uint16_t>(code) & 0xff);
    payload += why.substr(0, kControlPayloadMax - payload.size());
    payload.resize(payload.size() - base::incomplete_utf8_tail(std::string_view(payload).substr(2)));
    append_ws_frame(out, WsOpcode::kClose, payload);
}

void WsReader::feed(std::string_view bytes) {
    if (!ended_) input_ += bytes;
}

std::optional<WsReader::Event> WsReader::end(Event event) {
    ended_ = true;
    input_.clear();
    message_.clear();
    return event;
}

// What is wrong with a frame shows in its first bytes: nothing of it is waited for.
std::optional<WsReader::Event> WsReader::judge(const Frame& frame) const {
    const auto opcode = static_cast<uint8_t>(frame.opcode);
    if (opcode > 10 || (opcode > 2 && opcode < 8))
        return fault(WsClose::kProtocolError, fmt::format("opcode {} is not known", opcode));
    if (is_control(frame.opcode)) {
        if (frame.final && frame.payload_bytes <= kControlPayloadMax) return std::nullopt;
        return fault(WsClose::kProtocolError, "a control frame is fragmented or longer than 125 bytes");
    }
    const bool goes_on = frame.opcode == WsOpcode::kContinuation;
    const bool under_way = message_opcode_ != WsOpcode::kContinuation;
    if (goes_on != under_way)
        return fault(WsClose::kProtocolError, "the fragments of a message are out of order");
    if (frame.payload_bytes > message_bytes_max_ - message_.size())
        return fault(WsClose::kTooBig, fmt::format("a message is longer than {} bytes", message_bytes_max_));
    return std::nullopt;
}

std::optional<WsReader::Frame> WsReader::read_header(std::optional<Event>& refused) const {
    if (input_.size() < 2) return std::nullopt;
    const auto first = static_cast<uint8_t>(input_[0]), second = static_cast<uint8_t>(input_[1]);
    if ((first & kReserved) != 0 || (second & kMasked) == 0) {
        refused = fault(WsClose::kProtocolError,
                        (first & kReserved) != 0 ? "a frame has reserved bits, and no extension was agreed on"
                                                 : "a client's frame is not masked");
        return std::nullopt;
    }
    Frame frame{.final = (first & kFinal) != 0, .opcode = static_cast<WsOpcode>(first & 0x0f)};
    const uint8_t short_length = second & 0x7f;
    const size_t length_bytes = short_length == kLength16 ? 2 : short_length == kLength64 ? 8 : 0;
    frame.header_bytes = 2 + length_bytes + sizeof frame.mask;
    if (input_.size() < 2 + length_bytes) return std::nullopt;
    const uint64_t length =
        length_bytes == 0 ? short_length : big_endian(std::string_view(input_).substr(2, length_bytes));
    const bool not_shortest =
        (length_bytes == 2 && length < kLength16) || (length_bytes == 8 && length <= 0xffff);
    if (not_shortest || length >> 63 != 0) {
        refused = fault(WsClose::kProtocolError, "a frame's length is not written as it must be");
        return std::nullopt;
    }
    frame.payload_bytes = length;
    refused = judge(frame);
    if (refused || input_.size() < frame.header_bytes) return std::nullopt;
    std::copy_n(input_.data() + 2 + length_bytes, sizeof frame.mask, frame.mask);
    return frame;
}

std::string WsReader::take_payload(const Frame& frame) {
    std::string payload = input_.substr(frame.header_bytes, frame.payload_bytes);
    for (size_t i = 0; i < payload.size(); ++i)
        payload[i] = static_cast<char>(payload[i] ^ frame.mask[i % 4]);
    input_.erase(0, frame.header_bytes + frame.payload_bytes);
    return payload;
}

std::optional<WsReader::Event> WsReader::on_control(WsOpcode opcode, std::string payload) {
    if (opcode == WsOpcode::kPing) return Event{Event::Kind::kPing, std::move(payload)};
    if (opcode == WsOpcode::kPong) return std::nullopt;
    if (!payload.empty()) {
        if (payload.size() < 2 || !is_close_code(static_cast<unsigned>(big_endian(payload.substr(0, 2)))))
            return end(fault(WsClose::kProtocolError, "a close frame has no valid code"));
        if (!base::is_valid_utf8(std::string_view(payload).substr(2)))
            return end(fault(WsClose::kNotUtf8, "the reason of a close frame is not UTF-8"));
    }
    return end({Event::Kind::kClose, {}});
}

std::optional<WsReader::Event> WsReader::on_data(const Frame& frame, std::string payload) {
    if (frame.opcode != WsOpcode::kContinuation) message_opcode_ = frame.opcode;
    message_ += payload;
    if (!frame.final) return std::nullopt;
    const WsOpcode opcode = std::exchange(message_opcode_, WsOpcode::kContinuation);
    if (opcode == WsOpcode::kText && !base::is_valid_utf8(message_))
        return end(fault(WsClose::kNotUtf8, "a text message is not UTF-8"));
    return Event{Event::Kind::kMessage, std::exchange(message_, {})};
}

std::optional<WsReader::Event> WsReader::next() {
    while (!ended_) {
        std::optional<Event> refused;
        const std::optional<Frame> frame = read_header(refused);
        if (refused) return end(*std::move(refused));
        if (!frame || input_.size() - frame->header_bytes < frame->payload_bytes) return std::nullopt;
        std::string payload = take_payload(*frame);
        auto event = is_control(frame->opcode) ? on_control(frame->opcode, std::move(payload))
                                               : on_data(*frame, std::move(payload));
        if (event) return event;
    }
    return std::nullopt;
}

}  // namespace shimmy
