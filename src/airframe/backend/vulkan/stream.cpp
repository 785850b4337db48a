#include "airframe/backend/vulkan/stream.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"

namespace airframe::vulkan {
namespace {

constexpr size_t kRecordingsMax = 8;
constexpr uint64_t kUploadBytes = 2 * Stream::kStageBytesMax;
constexpr uint64_t kReadbackBytes = 16 << 20;
constexpr auto kShortPart = std::chrono::milliseconds(25);
constexpr auto kSpin = std::chrono::milliseconds(4);  // waking up takes 25 us longer than looking

}  // namespace

base::Result<std::unique_ptr<Stream>> Stream::create(Device& device, VkPipelineLayout layout) {
    std::unique_ptr<Stream> stream(new Stream(device, layout));
    TRY_VOID(stream->start());
    return stream;
}

base::Result<void> Stream::start() {
    TRY(upload_, device_.allocate(kUploadBytes, MemoryUse::kUpload));
    TRY(readback_, device_.allocate(kReadbackBytes, MemoryUse::kReadback));
    const VkCommandPoolCreateInfo pool{.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                       .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                       .queueFamilyIndex = device_.queue_family()};
    const VkFenceCreateInfo fence{.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkResult result = device_.api().vkCreateCommandPool(device_.handle(), &pool, nullptr, &pool_);
    if (result == VK_SUCCESS)
        result = device_.api().vkCreateFence(device_.handle(), &fence, nullptr, &fence_);
    device_.set_before_free([this] { finish(); });
    if (result == VK_SUCCESS) return {};
    return base::fail(base::ErrorCode::kOutOfMemory, "{} gives no command buffers: {}",
                      device_.adapter().name, describe_result(result));
}

Stream::~Stream() {
    device_.set_before_free({});
    if (!device_.may_destroy()) return;
    if (fence_ != VK_NULL_HANDLE) device_.api().vkDestroyFence(device_.handle(), fence_, nullptr);
    if (pool_ != VK_NULL_HANDLE) device_.api().vkDestroyCommandPool(device_.handle(), pool_, nullptr);
}

bool Stream::check(VkResult result, const char* what) const {
    if (result != VK_SUCCESS) device_.fail(result, what);
    return result == VK_SUCCESS;
}

void Stream::copy(VkBuffer from, uint64_t from_offset, VkBuffer to, uint64_t to_offset, uint64_t bytes) {
    Step step;
    step.from = from, step.from_offset = from_offset;
    step.to = to, step.to_offset = to_offset;
    step.bytes = bytes;
    steps_.push_back(step);
}

Staged Stream::stage(uint64_t bytes) {
    CHECK(bytes <= kStageBytesMax, "{} bytes", bytes);
    constexpr uint64_t kAlignment = 64;
    if (staged_bytes_ + bytes > upload_->bytes) finish();
    const uint64_t offset = staged_bytes_;
    staged_bytes_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
    return {upload_->buffer, offset, upload_->address + offset, upload_->mapped + offset};
}

void Stream::write(VkBuffer to, uint64_t offset, std::span<const std::byte> from) {
    for (uint64_t done = 0; done < from.size();) {
        const uint64_t part = std::min(kStageBytesMax, from.size() - done);
        const Staged staged = stage(part);
        std::memcpy(staged.host, from.data() + done, part);
        copy(staged.buffer, staged.offset, to, offset + done, part);
        done += part;
    }
}

void Stream::read(VkBuffer from, uint64_t offset, std::span<std::byte> to) {
    for (uint64_t done = 0; done < to.size();) {
        const uint64_t part = std::min(readback_->bytes, to.size() - done);
        copy(from, offset + done, readback_->buffer, 0, part);
        finish();
        if (device_.failed())
            std::memset(to.data() + done, 0, part);
        else
            std::memcpy(to.data() + done, readback_->mapped, part);
        done += part;
    }
}

void Stream::finish() {
    staged_bytes_ = 0;
    ++epoch_;
    uploader_.finish();
    const auto start = std::chrono::steady_clock::now();
    if (!steps_.empty() && !device_.failed()) submit(recorded());
    if (device_.failed())
        for (Recording& each : recordings_) each.steps.clear();  // one may be half made: none is replayed
    steps_.clear();
    // A device that ends a whole part at once gets longer ones: it idles between them.
    if (work_ > work_max_ && std::chrono::steady_clock::now() - start < kShortPart) work_max_ *= 2;
    work_ = 0;
}

void Stream::submit(VkCommandBuffer commands) {
    if (device_.failed()) return;
    const VkSubmitInfo info{
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &commands};
    if (!check(device_.api().vkQueueSubmit(device_.queue(), 1, &info, fence_), "work was refused")) return;
    wait();
    if (!device_.failed())
        check(device_.api().vkResetFences(device_.handle(), 1, &fence_), "a fence cannot be reset");
}

void Stream::add_work(uint64_t multiply_adds) {
    work_ += multiply_adds;
    if (work_ > work_max_) finish();
}

void Stream::wait() {
    const auto start = std::chrono::steady_clock::now();
    const bool spins = device_.adapter().kind != AdapterKind::kCpu;
    while (spins && std::chrono::steady_clock::now() - start < kSpin)
        if (device_.api().vkGetFenceStatus(device_.handle(), fence_) == VK_SUCCESS) return;
    device_.wait(fence_, work_);
}

// The command buffer of the list: an earlier one, or the oldest recorded anew.
VkCommandBuffer Stream::recorded() {
    const auto same = [&](const Recording& recording) {
        return recording.frees == device_.frees() && recording.steps.size() == steps_.size() &&
               std::memcmp(recording.steps.data(), steps_.data(), steps_.size() * sizeof(Step)) == 0;
    };
    const auto found = std::ranges::find_if(recordings_, same);
    if (found != recordings_.end()) {
        std::rotate(found, found + 1, recordings_.end());
        return recordings_.back().commands;
    }
    if (recordings_.size() < kRecordingsMax) {
        Recording fresh;
        const VkCommandBufferAllocateInfo info{.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                               .commandPool = pool_,
                                               .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                               .commandBufferCount = 1};
        if (!check(device_.api().vkAllocateCommandBuffers(device_.handle(), &info, &fresh.commands),
                   "no command buffer"))
            return VK_NULL_HANDLE;
        recordings_.push_back(std::move(fresh));
    } else {
        std::rotate(recordings_.begin(), recordings_.begin() + 1, recordings_.end());
    }
    recordings_.back().steps = steps_;
    recordings_.back().frees = device_.frees();
    record(recordings_.back().commands);
    return recordings_.back().commands;
}

namespace {

// Everything before happens before everything after; narrower when only shaders are concerned.
void barrier(const DeviceApi& api, VkCommandBuffer commands, bool copies) {
    VkPipelineStageFlags stages = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT;
    VkAccessFlags writes = VK_ACCESS_SHADER_WRITE_BIT;
    VkAccessFlags all = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT;
    if (copies) {
        stages |= VK_PIPELINE_STAGE_TRANSFER_BIT;
        writes |= VK_ACCESS_TRANSFER_WRITE_BIT;
        all |= VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;
    }
    const VkMemoryBarrier memory{
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER, .srcAccessMask = writes, .dstAccessMask = all};
    api.vkCmdPipelineBarrier(commands, stages, stages, 0, 1, &memory, 0, nullptr, 0, nullptr);
}

void show_to_host(const DeviceApi& api, VkCommandBuffer commands) {
    const VkMemoryBarrier memory{.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                 .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                                 .dstAccessMask = VK_ACCESS_HOST_READ_BIT};
    api.vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0, 1,
                             &memory, 0, nullptr, 0, nullptr);
}

}  // namespace

void Stream::record(VkCommandBuffer commands) const {
    const DeviceApi& api = device_.api();
    const VkCommandBufferBeginInfo begin{.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    if (!check(api.vkBeginCommandBuffer(commands, &begin), "recording cannot begin")) return;
    bool copies = true;  // since the last barrier, or in an earlier list
    VkPipeline bound = VK_NULL_HANDLE;
    for (const Step& step : steps_) {
        const bool is_copy = step.pipeline == VK_NULL_HANDLE;
        if (step.waits || &step == &steps_.front()) {
            barrier(api, commands, copies || is_copy);
            copies = false;
        }
        copies |= is_copy;
        if (is_copy) {
            const VkBufferCopy region{step.from_offset, step.to_offset, step.bytes};
            api.vkCmdCopyBuffer(commands, step.from, step.to, 1, &region);
            continue;
        }
        if (step.pipeline != bound)
            api.vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, step.pipeline);
        bound = step.pipeline;
        api.vkCmdPushConstants(commands, layout_, VK_SHADER_STAGE_COMPUTE_BIT, 0, step.argument_bytes,
                               step.arguments.data());
        api.vkCmdDispatch(commands, step.groups.x, step.groups.y, step.groups.z);
    }
    show_to_host(api, commands);
    check(api.vkEndCommandBuffer(commands), "recording cannot end");
}

}  // namespace airframe::vulkan
