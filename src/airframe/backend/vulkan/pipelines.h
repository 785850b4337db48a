// Compute pipelines made from the shaders that the build embedded, each on first use and once per set of
// specialisation constants. One thread.
#pragma once

#include <array>
#include <initializer_list>
#include <map>

#include "airframe/backend/vulkan/device.h"

namespace airframe::vulkan {

enum class Shader : uint8_t {
    kActivate,
    kAddScaled,
    kAttend,
    kAttendHalves,
    kAttendMerge,
    kAttendTiles,
    kEmbed,
    kFew,
    kFewHalves,
    kFewSum,
    kFinishLogits,
    kHalveRows,
    kHalveWeights,
    kMatmul,
    kMatmulHalves,
    kMatvec,
    kMatvecBytes,
    kMatvecPacked,
    kMoeChoose,
    kMoeCombine,
    kNorm,
    kPack,
    kRopeStore
};

// Bytes of arguments that every device takes: push constants.
inline constexpr uint32_t kArgumentBytesMax = 128;

class Pipelines {
  public:
    static base::Result<std::unique_ptr<Pipelines>> create(Device& device);
    ~Pipelines();
    Pipelines(const Pipelines&) = delete;
    Pipelines& operator=(const Pipelines&) = delete;

    // The shader with constant_id 0, 1, … set to these values. Null where the device cannot make it, which it
    // remembers.
    VkPipeline get(Shader shader, std::initializer_list<uint32_t> constants);
    VkPipelineLayout layout() const { return layout_; }

  private:
    static constexpr size_t kConstantsMax = 6;
    // Compared for every dispatch, so without memory of its own.
    struct Key {
        Shader shader = {};
        uint32_t n = 0;
        std::array<uint32_t, kConstantsMax> constants{};
        auto operator<=>(const Key&) const = default;
    };
    explicit Pipelines(Device& device) : device_(device) {}
    VkPipeline make(const Key& key);

    Device& device_;
    VkPipelineLayout layout_ = VK_NULL_HANDLE;
    std::map<Key, VkPipeline> made_;
};

}  // namespace airframe::vulkan
