// Options of the engine that commands which serve share: how much is computed, kept and queued.
#pragma once

#include <cstdint>
#include <string>

#include "airframe/engine/engine.h"
#include "shimmy/app/command.h"

namespace shimmy {

struct ServingOptions {
    uint32_t batch_tokens = 512;
    uint32_t streams = 64;
    uint32_t queue = 256;
    uint32_t kv_tokens = 0;
    double deadline_s = 0;  // 0: none
    std::string speculate = "auto";
    std::string draft_model;  // a name or a file; empty: none
    uint32_t draft_max = 5;
    std::string pooling;  // empty: as each model's file says
    std::string cache_dir;
    uint64_t cache_dir_mb = 1024;
};

void add_serving_options(CLI::App& command, ServingOptions& options);

// The engine's options as the command line says. REQUIRES: global.kv_quant is empty or a known name.
airframe::EngineOptions engine_options(const ServingOptions& serving, const GlobalOptions& global);

}  // namespace shimmy
