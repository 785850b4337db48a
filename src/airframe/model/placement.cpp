#include "airframe/model/placement.h"

#include <algorithm>
#include <charconv>
#include <numeric>

namespace airframe {

bool Placement::uses(uint8_t backend) const {
    return embedding == backend || head == backend || std::ranges::any_of(layers, [=](const Layer& layer) {
               return layer.attn == backend || layer.ffn == backend;
           });
}

uint32_t Placement::attention_layers(uint8_t backend) const {
    return static_cast<uint32_t>(std::ranges::count(layers, backend, &Layer::attn));
}

uint32_t Placement::on_gpus(uint8_t host) const {
    return static_cast<uint32_t>(layers.size()) - attention_layers(host) + (head != host ? 1 : 0);
}

Placement on_one_backend(uint32_t n_layers) { return {.layers = std::vector<Placement::Layer>(n_layers)}; }

Placement split_layers(const LayerSplit& split) {
    const auto host = static_cast<uint8_t>(split.proportions.size());
    const uint32_t units = std::min(split.on_gpus, split.n_layers + 1), first = split.n_layers + 1 - units;
    const double whole = std::accumulate(split.proportions.begin(), split.proportions.end(), 0.0);
    // A unit belongs to the backend whose stretch of the whole holds its beginning.
    const auto backend_of_unit = [&](uint32_t unit) {
        if (unit < first) return host;
        const double at = whole * (unit - first) / units;
        double end = 0;
        for (uint8_t i = 0; i < host; ++i) {
            end += split.proportions[i];
            if (at < end) return i;
        }
        return static_cast<uint8_t>(host - 1);
    };
    Placement placement{.embedding = host, .head = backend_of_unit(split.n_layers)};
    for (uint32_t i = 0; i < split.n_layers; ++i) {
        const uint8_t home = backend_of_unit(i);
        const bool apart = !split.ffn_on_host.empty() && split.ffn_on_host[i];
        placement.layers.push_back({home, apart ? host : home});
    }
    if (split.on_gpus > split.n_layers) placement.embedding = placement.layers.front().attn;
    return placement;
}

ModelPart part_of(std::string_view name) {
    constexpr std::string_view kLayer = "blk.";
    if (name.starts_with("token_") || name.starts_with("position_")) return {ModelPart::kEmbedding};
    if (!name.starts_with(kLayer)) return {ModelPart::kHead};
    uint32_t layer = 0;
    const auto [end, error] = std::from_chars(name.data() + kLayer.size(), name.data() + name.size(), layer);
    const std::string_view rest(end, name.data() + name.size());
    if (error != std::errc{} || !rest.starts_with('.')) return {ModelPart::kHead};
    const bool ffn = rest.starts_with(".ffn_") || rest.starts_with(".post_ffw");
    return {ffn ? ModelPart::kFfn : ModelPart::kAttention, layer};
}

uint8_t backend_of(const Placement& placement, const ModelPart& part) {
    if (part.kind == ModelPart::kEmbedding) return placement.embedding;
    if (part.kind == ModelPart::kHead || part.layer >= placement.layers.size()) return placement.head;
    const Placement::Layer& layer = placement.layers[part.layer];
    return part.kind == ModelPart::kFfn ? layer.ffn : layer.attn;
}

}  // namespace airframe
