#include "airframe/backend/vulkan/device.h"

#include <algorithm>

#include "airframe/backend/backend.h"
#include "airframe/backend/vulkan/cooperative_matrix.h"
#include "airframe/backend/vulkan/probe.h"
#include "base/log.h"

namespace airframe::vulkan {
namespace {

// matmul_halves.comp: threads of a subgroup, and its tiles in shared memory.
constexpr uint32_t kMatrixSubgroup = 32;
constexpr uint32_t kMatrixSharedBytes = 48 << 10;

// Flags a memory type must have, most wanted first; the last choice always exists by the specification.
std::span<const VkMemoryPropertyFlags> wishes(MemoryUse use) {
    constexpr VkMemoryPropertyFlags kVisible =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    static constexpr VkMemoryPropertyFlags kDevice[] = {VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT};
    static constexpr VkMemoryPropertyFlags kUpload[] = {kVisible};
    static constexpr VkMemoryPropertyFlags kReadback[] = {kVisible | VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
                                                          kVisible};
    if (use == MemoryUse::kDevice) return kDevice;
    if (use == MemoryUse::kUpload) return kUpload;
    return kReadback;
}

constexpr uint64_t kSecondNs = 1'000'000'000;

// After this long work counts as hung. Drivers reset a GPU that is busy for a few seconds; this is for those
// that do not, and may never strike while a slow device computes. So it is what reading all weights over a
// slow bus takes, plus the time of the products at a rate that the slowest reach tenfold; a CPU that plays
// GPU may share its cores with everything else.
uint64_t hang_ns(AdapterKind kind, uint64_t multiply_adds) {
    const bool is_cpu = kind == AdapterKind::kCpu;
    const uint64_t base_s = is_cpu ? 300 : 60;
    const uint64_t per_second = is_cpu ? 10'000'000 : 10'000'000'000;
    return (base_s + multiply_adds / per_second) * kSecondNs;
}

}  // namespace

base::Result<std::unique_ptr<Device>> Device::open(std::string_view wanted) {
    std::unique_ptr<Device> device(new Device);
    TRY_VOID(device->choose(wanted));
    TRY_VOID(device->create());
    return device;
}

base::Result<void> Device::choose(std::string_view wanted) {
    TRY(instance_, Instance::create());
    TRY(const auto devices, physical_devices(*instance_));
    std::vector<Adapter> adapters;
    adapters.reserve(devices.size());
    for (VkPhysicalDevice device : devices)
        adapters.push_back(describe_adapter(*instance_, device, static_cast<uint32_t>(adapters.size())));
    const AdapterChoice choice = choose_adapter(adapters, wanted);
    if (!choice.index)
        return base::fail(base::ErrorCode::kUnsupported,
                          "{}. `shimmy gpu-info` shows what there is; --gpu-device chooses", choice.reason);
    physical_ = devices[*choice.index];
    adapter_ = adapters[*choice.index];
    return {};
}

base::Result<void> Device::create() {
    queue_family_ = compute_family(*instance_, physical_).value();
    const float priority = 1;
    const VkDeviceQueueCreateInfo queue{.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                        .queueFamilyIndex = queue_family_,
                                        .queueCount = 1,
                                        .pQueuePriorities = &priority};
    VkPhysicalDeviceVulkan13Features can13{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES};
    const bool has13 = adapter_.api_version.starts_with("1.") && !adapter_.api_version.starts_with("1.2.");
    VkPhysicalDeviceVulkan12Features can12{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
                                           .pNext = has13 ? &can13 : nullptr};
    VkPhysicalDeviceFeatures2 can{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &can12};
    instance_->api().vkGetPhysicalDeviceFeatures2(physical_, &can);
    multiplies_halves_ = adapter_.cooperative_matrix && can12.shaderFloat16 && can12.vulkanMemoryModel &&
                         adapter_.subgroup_size == kMatrixSubgroup &&
                         adapter_.shared_memory_bytes >= kMatrixSharedBytes &&
                         vulkan::multiplies_halves(instance_->get_proc(), instance_->handle(), physical_);
    CooperativeMatrixFeatures matrices;
    multiplies_bytes_ = can13.shaderIntegerDotProduct;
    full_subgroups_ = can13.subgroupSizeControl && can13.computeFullSubgroups;
    VkPhysicalDeviceVulkan13Features use13{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES,
                                           .subgroupSizeControl = full_subgroups_,
                                           .computeFullSubgroups = full_subgroups_,
                                           .shaderIntegerDotProduct = multiplies_bytes_};
    VkPhysicalDeviceVulkan12Features use12{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
        .pNext = has13 ? &use13 : nullptr,
        .storageBuffer8BitAccess = VK_TRUE,
        .shaderFloat16 = multiplies_halves_,
        .bufferDeviceAddress = VK_TRUE,
        .vulkanMemoryModel = multiplies_halves_,
        .vulkanMemoryModelDeviceScope = multiplies_halves_ && can12.vulkanMemoryModelDeviceScope};
    VkPhysicalDeviceVulkan11Features use11{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
                                           .pNext = &use12,
                                           .storageBuffer16BitAccess = VK_TRUE};
    matrices.next = &use11;
    const VkDeviceCreateInfo info{.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                  .pNext = multiplies_halves_ ? static_cast<void*>(&matrices) : &use11,
                                  .queueCreateInfoCount = 1,
                                  .pQueueCreateInfos = &queue,
                                  .enabledExtensionCount = multiplies_halves_ ? 1u : 0u,
                                  .ppEnabledExtensionNames = &kCooperativeMatrixExtension};
    const VkResult result = instance_->api().vkCreateDevice(physical_, &info, nullptr, &handle_);
    if (result != VK_SUCCESS)
        return base::fail(base::ErrorCode::kUnsupported, "{} cannot be opened: {}", adapter_.name,
                          describe_result(result));
    TRY(api_, load_device_api(instance_->api(), handle_));
    api_.vkGetDeviceQueue(handle_, queue_family_, 0, &queue_);
    VkPhysicalDeviceMemoryProperties2 memory{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2};
    instance_->api().vkGetPhysicalDeviceMemoryProperties2(physical_, &memory);
    memory_ = memory.memoryProperties;
    return {};
}

Device::~Device() {
    if (handle_ == VK_NULL_HANDLE || api_.vkDestroyDevice == nullptr) return;
    if (!may_destroy()) {
        static_cast<void>(instance_.release());  // the device needs it
        base::log_warn("{} still does not answer: what it held stays taken", adapter_.name);
        return;
    }
    api_.vkDeviceWaitIdle(handle_);
    api_.vkDestroyDevice(handle_, nullptr);
}

void Device::fail(VkResult result, std::string_view what) {
    if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY)
        return fail({.code = base::ErrorCode::kOutOfMemory,
                     .message = fmt::format("{}: {}: {}", adapter_.name, what, describe_result(result)),
                     .param = {},
                     .detail = {}});
    if (lost_) return;
    lost_ = true;
    fault_ = {.code = base::ErrorCode::kUnavailable,
              .message = fmt::format("The GPU {} has failed: {}: {}. What it was computing is lost.",
                                     adapter_.name, what, describe_result(result)),
              .param = {},
              .detail = std::string(kDeviceLost)};
    base::log_error("{}", fault_->message);
}

void Device::fail(base::Error error) {
    if (!fault_) fault_ = std::move(error);
}

base::Result<void> Device::take_fault() {
    if (!fault_) return {};
    std::unexpected<base::Error> error(*fault_);
    if (!lost_) fault_.reset();
    return error;
}

bool Device::wait(VkFence fence, uint64_t multiply_adds) {
    const uint64_t most_ns = hang_ns(adapter_.kind, multiply_adds);
    const VkResult result = api_.vkWaitForFences(handle_, 1, &fence, VK_TRUE, most_ns);
    if (result == VK_SUCCESS) return true;
    if (result == VK_TIMEOUT) given_up_ = fence;
    fail(result, result == VK_TIMEOUT ? fmt::format("work did not end within {} s", most_ns / kSecondNs)
                                      : std::string("work broke off"));
    return false;
}

bool Device::may_destroy() {
    if (given_up_ != VK_NULL_HANDLE && api_.vkGetFenceStatus(handle_, given_up_) != VK_NOT_READY)
        given_up_ = VK_NULL_HANDLE;
    return given_up_ == VK_NULL_HANDLE;
}

uint64_t Device::available_bytes() const {
    if (const auto free = free_memory_bytes(*instance_, physical_)) return *free;
    uint64_t best = 0, taken = 0;  // the largest heap of its own, as in describe_adapter()
    for (uint32_t i = 0; i < memory_.memoryHeapCount; ++i) {
        const VkMemoryHeap& heap = memory_.memoryHeaps[i];
        if (!(heap.flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) || heap.size <= best) continue;
        best = heap.size;
        taken = taken_bytes_[i];
    }
    return best - std::min(best, taken);
}

std::optional<uint32_t> Device::memory_type(uint32_t allowed_bits, MemoryUse use) const {
    for (const VkMemoryPropertyFlags flags : wishes(use))
        for (uint32_t i = 0; i < memory_.memoryTypeCount; ++i)
            if ((allowed_bits >> i & 1) && (memory_.memoryTypes[i].propertyFlags & flags) == flags) return i;
    return {};
}

base::Result<std::unique_ptr<Memory>> Device::allocate(uint64_t bytes, MemoryUse use) {
    constexpr uint64_t kBytesMin = 256;
    const auto failed = [&](VkResult result) {
        return base::fail(
            base::ErrorCode::kOutOfMemory,
            "{} gives no {} bytes of memory: {}. It has {} MiB, {} MiB of them free; one piece may have "
            "{} MiB. Use a smaller model or context, or --gpu-backend cpu",
            adapter_.name, bytes, describe_result(result), adapter_.memory_bytes >> 20,
            available_bytes() >> 20, adapter_.buffer_bytes_max >> 20);
    };
    if (bytes > adapter_.buffer_bytes_max) return failed(VK_ERROR_OUT_OF_DEVICE_MEMORY);
    std::unique_ptr<Memory> made(new Memory(*this));
    made->bytes = std::max(bytes, kBytesMin);
    const VkBufferCreateInfo info{
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = made->bytes,
        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                 VK_BUFFER_USAGE_TRANSFER_DST_BIT | VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT};
    VkResult result = api_.vkCreateBuffer(handle_, &info, nullptr, &made->buffer);
    if (result != VK_SUCCESS) return failed(result);
    VkMemoryRequirements needs;
    api_.vkGetBufferMemoryRequirements(handle_, made->buffer, &needs);
    const auto type = memory_type(needs.memoryTypeBits, use);
    if (!type) return failed(VK_ERROR_FEATURE_NOT_PRESENT);
    const VkMemoryAllocateFlagsInfo flags{.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                          .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT};
    const VkMemoryAllocateInfo memory{.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                      .pNext = &flags,
                                      .allocationSize = needs.size,
                                      .memoryTypeIndex = *type};
    result = api_.vkAllocateMemory(handle_, &memory, nullptr, &made->memory_);
    if (result == VK_SUCCESS) {
        made->heap_ = memory_.memoryTypes[*type].heapIndex;
        made->taken_bytes_ = needs.size;
        taken_bytes_[made->heap_] += needs.size;
    }
    if (result == VK_SUCCESS) result = api_.vkBindBufferMemory(handle_, made->buffer, made->memory_, 0);
    if (result == VK_SUCCESS && use != MemoryUse::kDevice)
        result = api_.vkMapMemory(handle_, made->memory_, 0, VK_WHOLE_SIZE, 0,
                                  reinterpret_cast<void**>(&made->mapped));
    if (result != VK_SUCCESS) return failed(result);
    const VkBufferDeviceAddressInfo address{.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
                                            .buffer = made->buffer};
    made->address = api_.vkGetBufferDeviceAddress(handle_, &address);
    return made;
}

Memory::~Memory() {
    if (device_.before_free_) device_.before_free_();
    ++device_.frees_;
    device_.taken_bytes_[heap_] -= taken_bytes_;
    if (!device_.may_destroy()) return;
    if (buffer != VK_NULL_HANDLE) device_.api().vkDestroyBuffer(device_.handle(), buffer, nullptr);
    if (memory_ != VK_NULL_HANDLE) device_.api().vkFreeMemory(device_.handle(), memory_, nullptr);
}

}  // namespace airframe::vulkan
