// verify: the gates that a user can run on a model file and a machine. Each measures something and holds it
// to a bound.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "airframe/backend/backend.h"
#include "airframe/gguf/gguf.h"
#include "base/result.h"

namespace airframe {

struct VerifyGate {
    std::string name;
    bool passed = false;
    std::string measured;  // for people, with the bound where there is one
};

struct VerifyOptions {
    std::string_view backend = "cpu";
    BackendOptions backend_options;
    uint32_t tokens = 0;        // of the comparison with the reference; 0: as many as take about ten seconds
    uint32_t kv_tokens = 2048;  // of the comparison of KV types, at most the model's context; 0: leave it out
    std::function<void(std::string_view gate, double done)> on_progress;  // done: 0 to 1; may be empty
};

using OpenFile = std::function<base::Result<GgufFile>()>;

// Runs all gates: what one of them finds keeps no other from running that still can. A file that is no
// container, or no model, fails a gate too. The file is opened for each backend anew. Errors: kOutOfMemory
// while computing.
base::Result<std::vector<VerifyGate>> verify_model(const OpenFile& open, const VerifyOptions& options);

}  // namespace airframe
