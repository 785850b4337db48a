// Large transfers from host memory (a file's mapping) to the device: several threads fill one staging buffer
// while the device empties the other. One thread calls.
#pragma once

#include <array>
#include <memory>
#include <span>

#include "airframe/backend/vulkan/device.h"
#include "base/thread_pool.h"

namespace airframe::vulkan {

class Uploader {
  public:
    explicit Uploader(Device& device) : device_(device) {}
    ~Uploader();
    Uploader(const Uploader&) = delete;
    Uploader& operator=(const Uploader&) = delete;

    // Bytes are taken before this returns; later submissions to the queue see them. Errors: kOutOfMemory, and
    // what the device failed at until now.
    base::Result<void> upload(VkBuffer to, uint64_t offset, std::span<const std::byte> from);
    // Waits until nothing is under way. What goes wrong the device remembers.
    void finish();

  private:
    struct Lane {
        std::unique_ptr<Memory> staging;
        VkCommandBuffer commands = VK_NULL_HANDLE;
        VkFence fence = VK_NULL_HANDLE;
        bool busy = false;
    };

    base::Result<void> start();
    void send(Lane& lane, VkBuffer to, uint64_t offset, std::span<const std::byte> piece);
    void wait(Lane& lane);

    Device& device_;
    VkCommandPool pool_ = VK_NULL_HANDLE;
    std::array<Lane, 2> lanes_;
    size_t next_ = 0;
    std::unique_ptr<base::ThreadPool> threads_;
};

}  // namespace airframe::vulkan
