// The backend's buffers: large ones have device memory of their own, small ones share some. One thread.
#pragma once

#include <memory>

#include "airframe/backend/backend.h"
#include "airframe/backend/vulkan/device.h"

namespace airframe::vulkan {

class DeviceBuffer final : public Buffer {
  public:
    DeviceBuffer(std::shared_ptr<Memory> memory, uint64_t offset, uint64_t size_bytes)
        : memory_(std::move(memory)), offset_(offset) {
        bytes = size_bytes;
    }
    VkBuffer handle() const { return memory_->buffer; }
    uint64_t offset() const { return offset_; }  // within the handle
    uint64_t address() const { return memory_->address + offset_; }

  private:
    std::shared_ptr<Memory> memory_;
    uint64_t offset_;
};

class MemoryPool {
  public:
    explicit MemoryPool(Device& device) : device_(device) {}
    // Errors: kOutOfMemory. Reads a few bytes beyond the end are fine.
    base::Result<std::unique_ptr<DeviceBuffer>> allocate(uint64_t bytes);

  private:
    Device& device_;
    std::shared_ptr<Memory> shared_;  // what small buffers are cut from now
    uint64_t shared_used_ = 0;
};

}  // namespace airframe::vulkan
