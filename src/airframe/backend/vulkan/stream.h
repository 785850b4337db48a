// The order of work on a device: dispatches and copies are collected, and run when finish() is called. A list
// that equals an earlier one runs from the command buffer recorded then: decode steps differ only in what
// lies in buffers. One thread.
#pragma once

#include <array>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "airframe/backend/vulkan/device.h"
#include "airframe/backend/vulkan/pipelines.h"
#include "airframe/backend/vulkan/uploader.h"

namespace airframe::vulkan {

struct Groups {
    uint32_t x = 1, y = 1, z = 1;
};

// As many workgroups as the shader's workgroup_number() counts: x alone is limited.
inline Groups linear_groups(uint64_t n, uint32_t z = 1) {
    constexpr uint64_t kMost = 65535;
    const uint64_t y = (n + kMost - 1) / kMost;
    return {static_cast<uint32_t>((n + y - 1) / y), static_cast<uint32_t>(y), z};
}

// A place that the host fills now and the device reads when the stream runs.
struct Staged {
    VkBuffer buffer = VK_NULL_HANDLE;
    uint64_t offset = 0;
    uint64_t address = 0;
    std::byte* host = nullptr;
};

// Whether a dispatch waits for those before it.
enum class After : uint8_t { kAll, kNothing };

class Stream {
  public:
    static base::Result<std::unique_ptr<Stream>> create(Device& device, VkPipelineLayout layout);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    template <class Args>
    void dispatch(VkPipeline pipeline, const Args& args, Groups groups, After after = After::kAll) {
        static_assert(sizeof(Args) <= kArgumentBytesMax && std::is_trivially_copyable_v<Args>);
        if (pipeline == VK_NULL_HANDLE) return;  // the device has failed at making it
        Step step;
        step.pipeline = pipeline;
        step.groups = groups;
        step.waits = after == After::kAll;
        step.argument_bytes = sizeof(Args);
        std::memcpy(step.arguments.data(), &args, sizeof(Args));
        steps_.push_back(step);
    }
    // Host memory -> device memory. The bytes are taken now.
    void write(VkBuffer to, uint64_t offset, std::span<const std::byte> from);
    // The same for memory that nothing uses yet: at once, before everything else in the stream. Errors:
    // kOutOfMemory.
    base::Result<void> upload(VkBuffer to, uint64_t offset, std::span<const std::byte> from) {
        return uploader_.upload(to, offset, from);
    }
    // Runs everything, then device memory -> host memory; zeros, once the device has failed.
    void read(VkBuffer from, uint64_t offset, std::span<std::byte> to);
    // Room that lives until finish(), which comes by itself when there is no room left: use it before staging
    // more. REQUIRES: bytes <= kStageBytesMax.
    Staged stage(uint64_t bytes);
    // Runs everything and waits for it; nothing, once the device has failed. Whether all went well the device
    // knows.
    void finish();
    // Tells how much the dispatches so far compute, in multiply-adds since the last finish(): long lists are
    // run in parts, since small cards are reset by their drivers when one submission takes seconds.
    void add_work(uint64_t multiply_adds);
    // How often the stream has finished: what was staged under another number is gone.
    uint64_t epoch() const { return epoch_; }

    static constexpr uint64_t kStageBytesMax = 16 << 20;

  private:
    // Plain bytes, so that lists can be compared: members without padding between them.
    struct Step {
        VkPipeline pipeline = VK_NULL_HANDLE;  // null: a copy
        VkBuffer from = VK_NULL_HANDLE, to = VK_NULL_HANDLE;
        uint64_t from_offset = 0, to_offset = 0, bytes = 0;
        Groups groups;
        uint32_t waits = 1;
        uint32_t argument_bytes = 0;
        uint32_t unused = 0;
        std::array<std::byte, kArgumentBytesMax> arguments{};
    };
    static_assert(std::has_unique_object_representations_v<Groups>);
    struct Recording {
        std::vector<Step> steps;
        VkCommandBuffer commands = VK_NULL_HANDLE;
        uint64_t frees = 0;  // of the device, when it was recorded
    };

    Stream(Device& device, VkPipelineLayout layout) : device_(device), layout_(layout), uploader_(device) {}
    base::Result<void> start();
    void copy(VkBuffer from, uint64_t from_offset, VkBuffer to, uint64_t to_offset, uint64_t bytes);
    VkCommandBuffer recorded();
    void record(VkCommandBuffer commands) const;
    void submit(VkCommandBuffer commands);
    void wait();
    bool check(VkResult result, const char* what) const;

    Device& device_;
    VkPipelineLayout layout_;
    Uploader uploader_;
    VkCommandPool pool_ = VK_NULL_HANDLE;
    VkFence fence_ = VK_NULL_HANDLE;
    std::unique_ptr<Memory> upload_, readback_;
    uint64_t staged_bytes_ = 0;
    uint64_t epoch_ = 0;
    uint64_t work_ = 0;                    // multiply-adds since the last finish()
    uint64_t work_max_ = 100'000'000'000;  // of a part: half a second on the slowest GPUs
    std::vector<Step> steps_;
    std::vector<Recording> recordings_;  // the latest last
};

}  // namespace airframe::vulkan
