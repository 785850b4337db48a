// What `shimmy bench --serve` does; cmd_bench.cpp reads its options.
#pragma once

#include <string>
#include <vector>

#include "shimmy/app/command.h"
#include "shimmy/app/models.h"
#include "shimmy/app/serve_bench.h"
#include "shimmy/app/serving_options.h"

namespace shimmy {

struct ServeBenchOptions {
    ServeLengths lengths;
    std::vector<uint32_t> streams;
    uint32_t long_prompt = 0;  // tokens; 0: not measured
    ServingOptions serving;
    std::string svg_path;  // empty: none
    bool as_json = false;
};

// Measures and prints. Errors: those of loading and of requests; kIo.
base::Result<void> run_serve_bench(const ModelEntry& entry, const ServeBenchOptions& options,
                                   const GlobalOptions& global);

}  // namespace shimmy
