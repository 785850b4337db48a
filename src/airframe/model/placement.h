// Which backend holds and computes which part of a model: a table that the loader, the forward pass and the
// KV pool read. Plain data, any thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace airframe {

// Numbers into the model's list of backends.
struct Placement {
    struct Layer {
        uint8_t attn = 0;  // with the layer's keys and values
        // With the norm before it. Elsewhere than attn only for experts that see what attn adds.
        uint8_t ffn = 0;
        bool operator==(const Layer&) const = default;
    };
    uint8_t embedding = 0;  // tokens, learned positions
    uint8_t head = 0;       // the final norm and the output matrix
    std::vector<Layer> layers;

    bool operator==(const Placement&) const = default;
    bool uses(uint8_t backend) const;
    bool attends(uint8_t backend) const { return attention_layers(backend) > 0; }
    uint32_t attention_layers(uint8_t backend) const;
    // Layers and the output that lie on other backends than this one.
    uint32_t on_gpus(uint8_t host) const;
};

// Everything on the first backend.
Placement on_one_backend(uint32_t n_layers);

// The last so many of the layers and of the output matrix, which counts as one more, on backends that stand
// first in the list; the rest on the one behind them.
struct LayerSplit {
    uint32_t n_layers = 0;
    uint32_t on_gpus = 0;             // more than n_layers: everything, the embeddings too
    std::vector<double> proportions;  // of these among the backends that stand first; each >= 0, one > 0
    std::vector<bool> ffn_on_host;    // of each layer: its experts stay there; empty: of none
};
Placement split_layers(const LayerSplit& split);

// The part that a tensor of this name belongs to. A layer's number is not checked against the model's.
struct ModelPart {
    enum Kind : uint8_t { kEmbedding, kAttention, kFfn, kHead } kind = kHead;
    uint32_t layer = 0;  // of kAttention and kFfn
};
ModelPart part_of(std::string_view tensor_name);

// The backend of a part; a layer that the model does not have lies on the head's.
uint8_t backend_of(const Placement& placement, const ModelPart& part);

}  // namespace airframe
