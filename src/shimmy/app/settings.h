// Settings of the server from options and environment, in their order of precedence; odd values are told, not
// obeyed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shimmy/app/command.h"

namespace shimmy {

// What the command line says about where to listen.
struct ListenOptions {
    std::string bind = "auto";  // HOST:PORT; "auto" counts as not given
    std::string host;           // empty: not given
    std::optional<uint16_t> port;
};

// Where to listen: --bind, else --host and --port, else SHIMMY_BIND_ADDRESS, else SHIMMY_HOST and
// SHIMMY_PORT, else empty for the default: 127.0.0.1 and the first free port from 11435 on. Errors:
// kInvalidArgument (SHIMMY_PORT is no port).
base::Result<std::string> bind_address(const ListenOptions& options);

// Applies SHIMMY_MAX_CTX, SHIMMY_ROPE_SCALE, SHIMMY_ENGINE_BACKEND, SHIMMY_KV_QUANT and SHIMMY_PREFILL_CHUNK
// where the command line says nothing. Gives warnings for people.
std::vector<std::string> apply_environment(GlobalOptions& global);

}  // namespace shimmy
