#include "airframe/backend/vulkan/uploader.h"

#include <algorithm>
#include <cstring>

#include "base/system.h"

namespace airframe::vulkan {
namespace {

constexpr uint64_t kStagingBytes = 16 << 20;
constexpr int kThreadsMax = 4;  // enough for what a bus takes

}  // namespace

base::Result<void> Uploader::start() {
    if (pool_ != VK_NULL_HANDLE) return {};
    const DeviceApi& api = device_.api();
    const VkCommandPoolCreateInfo pool{.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                       .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                       .queueFamilyIndex = device_.queue_family()};
    VkResult result = api.vkCreateCommandPool(device_.handle(), &pool, nullptr, &pool_);
    for (Lane& lane : lanes_) {
        TRY(lane.staging, device_.allocate(kStagingBytes, MemoryUse::kUpload));
        const VkCommandBufferAllocateInfo commands{.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                                   .commandPool = pool_,
                                                   .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                                   .commandBufferCount = 1};
        const VkFenceCreateInfo fence{.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
        if (result == VK_SUCCESS)
            result = api.vkAllocateCommandBuffers(device_.handle(), &commands, &lane.commands);
        if (result == VK_SUCCESS) result = api.vkCreateFence(device_.handle(), &fence, nullptr, &lane.fence);
    }
    if (result != VK_SUCCESS)
        return base::fail(base::ErrorCode::kOutOfMemory, "{} gives no command buffers: {}",
                          device_.adapter().name, describe_result(result));
    threads_ = std::make_unique<base::ThreadPool>(std::min(kThreadsMax, base::usable_cpus()));
    return {};
}

Uploader::~Uploader() {
    finish();
    if (!device_.may_destroy()) return;
    for (Lane& lane : lanes_)
        if (lane.fence != VK_NULL_HANDLE) device_.api().vkDestroyFence(device_.handle(), lane.fence, nullptr);
    if (pool_ != VK_NULL_HANDLE) device_.api().vkDestroyCommandPool(device_.handle(), pool_, nullptr);
}

base::Result<void> Uploader::upload(VkBuffer to, uint64_t offset, std::span<const std::byte> from) {
    TRY_VOID(start());
    for (uint64_t done = 0; done < from.size(); done += kStagingBytes) {
        Lane& lane = lanes_[next_];
        next_ = (next_ + 1) % lanes_.size();
        wait(lane);
        TRY_VOID(device_.take_fault());
        send(lane, to, offset + done, from.subspan(done, std::min(kStagingBytes, from.size() - done)));
    }
    return device_.take_fault();
}

void Uploader::send(Lane& lane, VkBuffer to, uint64_t offset, std::span<const std::byte> piece) {
    threads_->run([&](int part, int parts) {
        const size_t begin = piece.size() * static_cast<size_t>(part) / static_cast<size_t>(parts);
        const size_t end = piece.size() * static_cast<size_t>(part + 1) / static_cast<size_t>(parts);
        std::memcpy(lane.staging->mapped + begin, piece.data() + begin, end - begin);
    });
    const DeviceApi& api = device_.api();
    const VkCommandBufferBeginInfo begin{.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                         .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
    const VkBufferCopy region{0, offset, piece.size()};
    const VkSubmitInfo submit{
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &lane.commands};
    VkResult result = api.vkBeginCommandBuffer(lane.commands, &begin);
    if (result == VK_SUCCESS) {
        api.vkCmdCopyBuffer(lane.commands, lane.staging->buffer, to, 1, &region);
        result = api.vkEndCommandBuffer(lane.commands);
    }
    if (result == VK_SUCCESS) result = api.vkQueueSubmit(device_.queue(), 1, &submit, lane.fence);
    if (result != VK_SUCCESS) return device_.fail(result, "weights cannot be uploaded");
    lane.busy = true;
}

void Uploader::wait(Lane& lane) {
    if (!lane.busy) return;
    lane.busy = false;
    if (!device_.wait(lane.fence, 0)) return;
    const VkResult result = device_.api().vkResetFences(device_.handle(), 1, &lane.fence);
    if (result != VK_SUCCESS) device_.fail(result, "a fence cannot be reset");
}

void Uploader::finish() {
    for (Lane& lane : lanes_) wait(lane);
}

}  // namespace airframe::vulkan
