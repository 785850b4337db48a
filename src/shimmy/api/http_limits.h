// Every limit of the transport, by name.
#pragma once

#include <chrono>
#include <cstddef>

namespace shimmy {

struct HttpLimits {
    size_t header_bytes = 64 << 10;
    size_t body_bytes = 64 << 20;        // endpoints may allow less
    size_t message_bytes = 4 << 20;      // of a WebSocket
    size_t all_bodies_bytes = 1 << 30;   // of all requests that are being read or parsed
    size_t read_ahead_bytes = 64 << 10;  // of further requests while one is being answered
    size_t connections = 4096;
    std::chrono::milliseconds handshake{15'000};  // of TLS
    std::chrono::milliseconds header{15'000};     // from a request's first byte to the end of its headers
    std::chrono::milliseconds body{30'000};  // for the body, and one second more for each `body_bytes_per_s`
    size_t body_bytes_per_s = 16 << 10;
    std::chrono::milliseconds idle{75'000};       // between requests
    std::chrono::milliseconds write{30'000};      // without any progress
    std::chrono::milliseconds keep_alive{5'000};  // of silence in a stream, then a comment is sent
    std::chrono::milliseconds linger{2'000};      // for a refused client to read why
    std::chrono::milliseconds drain{30'000};      // for running requests at a graceful stop
};

}  // namespace shimmy
