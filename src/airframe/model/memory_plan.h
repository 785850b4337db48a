// What a model will take on each backend, and from that where its layers go: before anything of it is loaded.
// Plain arithmetic, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "airframe/backend/backend.h"
#include "airframe/gguf/gguf.h"
#include "airframe/model/kv_pool.h"
#include "airframe/model/placement.h"
#include "airframe/model/spec.h"
#include "base/result.h"

namespace airframe {

// Bytes of the parts of a model.
struct ModelSizes {
    struct Part {
        uint64_t on_gpu = 0, on_host = 0;  // a format that a GPU lacks is larger there
    };
    struct Layer {
        Part attn, ffn;
        bool experts = false;
    };
    Part embedding, head;  // a head without a matrix of its own uses the embedding's, or a copy elsewhere
    bool tied = false;
    std::vector<Layer> layers;
    uint64_t kv_layer = 0;             // keys and values of one layer
    uint64_t scratch = 0, logits = 0;  // activations: everywhere, and beside the head
    uint32_t kv_tokens = 0;            // that kv_layer is for
};

struct PassSizes {
    uint32_t batch_rows = 0, logit_rows = 0;  // the most of one pass
    KvType kv_type = KvType::kF16;
    uint32_t kv_tokens = 0;  // to leave room for; 0: one context of a useful length
};
ModelSizes measure_model(const GgufFile& file, const ModelSpec& spec, const Backend& gpu,
                         const PassSizes& pass);

// What one may ask for.
struct PlacementWish {
    // The last so many layers, the output counting as one more; nothing: as many as fit.
    std::optional<uint32_t> gpu_layers;
    bool cpu_moe = false;       // experts on the CPU
    std::vector<double> split;  // of these over the GPUs; empty: by free memory
};

// A backend before it is chosen: its name, what it can still give, what it takes beside the model's parts.
struct PlaceRoom {
    std::string name;
    uint64_t available_bytes = 0;
    uint64_t own_bytes = 0;
};

struct MemoryPlan {
    struct Use {
        PlaceRoom room;
        uint32_t layers = 0, of_layers = 0;
        bool head = false, host = false;
        uint64_t weights_bytes = 0, kv_bytes = 0, scratch_bytes = 0;
        uint64_t total() const { return weights_bytes + kv_bytes + scratch_bytes; }
        // For people, one line.
        std::string text() const;
    };
    Placement placement;
    std::vector<Use> uses;     // one for each room
    bool all_on_gpus = false;  // all that was not asked to be elsewhere
};

// `rooms`: GPUs, then the CPU. Errors: kOutOfMemory (what is asked for, or not even one layer, does not fit,
// with numbers and what would); kInvalidArgument (a split for another number of GPUs, or with no share).
base::Result<MemoryPlan> plan_memory(const ModelSizes& sizes, const std::vector<PlaceRoom>& rooms,
                                     const PlacementWish& wish);

}  // namespace airframe
