// A WebSocket client made of bytes, so that a test can send what no library would. For test files only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shimmy {

// A masked frame. With a mask of its own for each, as clients must.
inline std::string client_frame(int opcode, std::string_view payload, bool final = true) {
    std::string out;
    out += static_cast<char>((final ? 0x80 : 0) | opcode);
    const size_t size = payload.size();
    const int length_bytes = size <= 125 ? 0 : size <= 0xffff ? 2 : 8;
    out += static_cast<char>(0x80 | (length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127));
    for (int i = length_bytes - 1; i >= 0; --i) out += static_cast<char>(size >> (8 * i) & 0xff);
    const char mask[4] = {'\x11', static_cast<char>(size), '\x5a', '\xf0'};
    out.append(mask, sizeof mask);
    for (size_t i = 0; i < size; ++i) out += static_cast<char>(payload[i] ^ mask[i % 4]);
    return out;
}

struct ServerFrame {
    int opcode;
    std::string payload;
};

// The whole frames at the beginning of the bytes.
inline std::vector<ServerFrame> server_frames(std::string_view bytes) {
    std::vector<ServerFrame> frames;
    while (bytes.size() >= 2) {
        size_t size = static_cast<uint8_t>(bytes[1]), header = 2;
        const size_t length_bytes = size == 126 ? 2 : size == 127 ? 8 : 0;
        if (bytes.size() < header + length_bytes) break;
        if (length_bytes > 0) size = 0;
        for (size_t i = 0; i < length_bytes; ++i) size = size << 8 | static_cast<uint8_t>(bytes[header++]);
        if (bytes.size() < header + size) break;
        frames.push_back({bytes[0] & 0x0f, std::string(bytes.substr(header, size))});
        bytes.remove_prefix(header + size);
    }
    return frames;
}

}  // namespace shimmy
