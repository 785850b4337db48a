// The options of `shimmy serve` about its surface: where it listens, who may use it, and its limits.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "shimmy/api/server.h"

namespace shimmy {

struct SurfaceOptions {
    std::string unix_socket;
    TlsFiles tls;
    std::vector<std::string> allowed_hosts, allowed_origins;
    std::vector<std::string> api_keys;
    std::string api_key_file;
    HttpLimits limits;
    bool strict = false;
};

void add_surface_options(CLI::App& command, SurfaceOptions& options);

// The keys of the options and of the file. Errors: those of ApiKeys.
base::Result<ApiKeys> keys_of(const SurfaceOptions& options);

}  // namespace shimmy
