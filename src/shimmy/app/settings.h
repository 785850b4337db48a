// Settings of the server from options and environment, in their order of precedence; odd values are told, not
// obeyed.
#pragma once

#include <string>
#include <vector>

#include "shimmy/app/command.h"

namespace shimmy {

// Where to listen: --bind, else SHIMMY_BIND_ADDRESS, else SHIMMY_HOST and SHIMMY_PORT, else empty for the
// default: 127.0.0.1 and the first free port from 11435 on. "auto" counts as not given. Errors:
// kInvalidArgument (SHIMMY_PORT is no port).
base::Result<std::string> bind_address(const std::string& option);

// Applies SHIMMY_MAX_CTX, SHIMMY_ROPE_SCALE, SHIMMY_ENGINE_BACKEND, SHIMMY_KV_QUANT and SHIMMY_PREFILL_CHUNK
// where the command line says nothing. Gives warnings for people.
std::vector<std::string> apply_environment(GlobalOptions& global);

}  // namespace shimmy
