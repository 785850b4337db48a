#include "airframe/backend/vulkan/memory_pool.h"

namespace airframe::vulkan {
namespace {

constexpr uint64_t kSharedBytes = 8 << 20;
constexpr uint64_t kSmallBytesMax = 1 << 20;  // drivers allow a few thousand allocations
constexpr uint64_t kAlignment = 256;
constexpr uint64_t kPadBytes = 16;  // quants.glsl reads up to 11 bytes too far

}  // namespace

base::Result<std::unique_ptr<DeviceBuffer>> MemoryPool::allocate(uint64_t bytes) {
    const uint64_t padded = (bytes + kPadBytes + kAlignment - 1) / kAlignment * kAlignment;
    if (bytes > kSmallBytesMax) {
        TRY(auto own, device_.allocate(padded, MemoryUse::kDevice));
        return std::make_unique<DeviceBuffer>(std::move(own), 0, bytes);
    }
    if (shared_ == nullptr || shared_used_ + padded > shared_->bytes) {
        TRY(shared_, device_.allocate(kSharedBytes, MemoryUse::kDevice));
        shared_used_ = 0;
    }
    const uint64_t offset = shared_used_;
    shared_used_ += padded;
    return std::make_unique<DeviceBuffer>(shared_, offset, bytes);
}

}  // namespace airframe::vulkan
