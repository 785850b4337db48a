#include "airframe/backend/vulkan/probe.h"

#include <algorithm>
#include <filesystem>

namespace airframe {
namespace vulkan {
namespace {

constexpr uint32_t kSharedMemoryBytesMin = 32 << 10;
constexpr uint32_t kWorkgroupInvocationsMin = 256;

std::string version_text(uint32_t version) {
    return fmt::format("{}.{}.{}", VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version),
                       VK_API_VERSION_PATCH(version));
}

AdapterKind kind_of(VkPhysicalDeviceType type) {
    switch (type) {
        case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
            return AdapterKind::kDiscrete;
        case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
            return AdapterKind::kIntegrated;
        case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
            return AdapterKind::kVirtual;
        case VK_PHYSICAL_DEVICE_TYPE_CPU:
            return AdapterKind::kCpu;
        default:
            return AdapterKind::kOther;
    }
}

struct Heap {
    uint64_t bytes = 0;
    std::optional<uint64_t> free_bytes;
};

// The largest heap that is the device's own.
Heap device_heap(const Instance& instance, VkPhysicalDevice device) {
    const bool tells = has_extension(instance, device, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
    VkPhysicalDeviceMemoryProperties2 memory{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
                                             .pNext = tells ? &budget : nullptr};
    instance.api().vkGetPhysicalDeviceMemoryProperties2(device, &memory);
    Heap best;
    for (uint32_t i = 0; i < memory.memoryProperties.memoryHeapCount; ++i) {
        const VkMemoryHeap& heap = memory.memoryProperties.memoryHeaps[i];
        if (!(heap.flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) || heap.size <= best.bytes) continue;
        best.bytes = heap.size;
        if (tells)
            best.free_bytes = budget.heapBudget[i] - std::min(budget.heapBudget[i], budget.heapUsage[i]);
    }
    return best;
}

void find_missing(const Instance& instance, VkPhysicalDevice device,
                  const VkPhysicalDeviceProperties& device_is,
                  const VkPhysicalDeviceSubgroupProperties& subgroups, Adapter& adapter) {
    const auto need = [&](bool there, std::string what) {
        if (!there) adapter.missing.push_back(std::move(what));
    };
    need(device_is.apiVersion >= VK_API_VERSION_1_2, "Vulkan 1.2 (it has " + adapter.api_version + ")");
    if (!adapter.missing.empty()) return;
    VkPhysicalDeviceVulkan12Features v12{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
    VkPhysicalDeviceVulkan11Features v11{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
                                         .pNext = &v12};
    VkPhysicalDeviceFeatures2 features{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &v11};
    instance.api().vkGetPhysicalDeviceFeatures2(device, &features);
    need(v12.bufferDeviceAddress, "buffer device addresses");
    need(v12.storageBuffer8BitAccess, "8-bit storage");
    need(v11.storageBuffer16BitAccess, "16-bit storage");
    need(subgroups.supportedOperations & VK_SUBGROUP_FEATURE_ARITHMETIC_BIT, "subgroup arithmetic");
    const VkPhysicalDeviceLimits& limits = device_is.limits;
    need(limits.maxComputeSharedMemorySize >= kSharedMemoryBytesMin,
         fmt::format("{} bytes of shared memory (it has {})", kSharedMemoryBytesMin,
                     limits.maxComputeSharedMemorySize));
    need(limits.maxComputeWorkGroupInvocations >= kWorkgroupInvocationsMin,
         fmt::format("workgroups of {} (it has {})", kWorkgroupInvocationsMin,
                     limits.maxComputeWorkGroupInvocations));
    need(compute_family(instance, device).has_value(), "a queue for compute");
}

}  // namespace

base::Result<std::vector<VkPhysicalDevice>> physical_devices(const Instance& instance) {
    uint32_t n = 0;
    VkResult result = instance.api().vkEnumeratePhysicalDevices(instance.handle(), &n, nullptr);
    std::vector<VkPhysicalDevice> devices(n);
    if (result == VK_SUCCESS && n > 0)
        result = instance.api().vkEnumeratePhysicalDevices(instance.handle(), &n, devices.data());
    if (result != VK_SUCCESS)
        return base::fail(base::ErrorCode::kUnsupported, "the Vulkan devices cannot be listed: {}",
                          describe_result(result));
    return devices;
}

bool has_extension(const Instance& instance, VkPhysicalDevice device, std::string_view name) {
    uint32_t n = 0;
    instance.api().vkEnumerateDeviceExtensionProperties(device, nullptr, &n, nullptr);
    std::vector<VkExtensionProperties> extensions(n);
    instance.api().vkEnumerateDeviceExtensionProperties(device, nullptr, &n, extensions.data());
    return std::ranges::any_of(extensions,
                               [&](const auto& extension) { return name == extension.extensionName; });
}

std::optional<uint32_t> compute_family(const Instance& instance, VkPhysicalDevice device) {
    uint32_t n = 0;
    instance.api().vkGetPhysicalDeviceQueueFamilyProperties(device, &n, nullptr);
    std::vector<VkQueueFamilyProperties> families(n);
    instance.api().vkGetPhysicalDeviceQueueFamilyProperties(device, &n, families.data());
    std::optional<uint32_t> found;
    for (uint32_t i = 0; i < n; ++i) {
        if (!(families[i].queueFlags & VK_QUEUE_COMPUTE_BIT)) continue;
        const bool alone = !(families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT);
        if (!found || alone) found = i;
        if (alone) break;
    }
    return found;
}

std::optional<uint64_t> free_memory_bytes(const Instance& instance, VkPhysicalDevice device) {
    return device_heap(instance, device).free_bytes;
}

Adapter describe_adapter(const Instance& instance, VkPhysicalDevice device, uint32_t index) {
    VkPhysicalDeviceSubgroupProperties subgroups{.sType =
                                                     VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES};
    VkPhysicalDeviceMaintenance3Properties sizes{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES, .pNext = &subgroups};
    VkPhysicalDeviceDriverProperties driver{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES,
                                            .pNext = &sizes};
    VkPhysicalDeviceProperties2 all{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                    .pNext = &driver};
    instance.api().vkGetPhysicalDeviceProperties2(device, &all);

    const Heap heap = device_heap(instance, device);
    Adapter adapter{.index = index,
                    .name = all.properties.deviceName,
                    .kind = kind_of(all.properties.deviceType),
                    .driver = fmt::format("{} {}", driver.driverName, driver.driverInfo),
                    .api_version = version_text(all.properties.apiVersion),
                    .memory_bytes = heap.bytes,
                    .memory_free_bytes = heap.free_bytes,
                    .buffer_bytes_max = sizes.maxMemoryAllocationSize,
                    .shared_memory_bytes = all.properties.limits.maxComputeSharedMemorySize,
                    .subgroup_size = subgroups.subgroupSize,
                    .workgroup_threads_max = std::min(all.properties.limits.maxComputeWorkGroupInvocations,
                                                      all.properties.limits.maxComputeWorkGroupSize[0])};
    if (all.properties.apiVersion >= VK_API_VERSION_1_3) {
        VkPhysicalDeviceVulkan13Features v13{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES};
        VkPhysicalDeviceFeatures2 features{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                           .pNext = &v13};
        instance.api().vkGetPhysicalDeviceFeatures2(device, &features);
        adapter.dot_product = v13.shaderIntegerDotProduct;
    }
    adapter.cooperative_matrix = has_extension(instance, device, "VK_KHR_cooperative_matrix");
    find_missing(instance, device, all.properties, subgroups, adapter);
    return adapter;
}

}  // namespace vulkan

base::Result<std::vector<Adapter>> list_adapters() {
    TRY(const auto instance, vulkan::Instance::create());
    TRY(const auto devices, vulkan::physical_devices(*instance));
    std::vector<Adapter> adapters;
    for (VkPhysicalDevice device : devices)
        adapters.push_back(
            vulkan::describe_adapter(*instance, device, static_cast<uint32_t>(adapters.size())));
    return adapters;
}

bool may_have_gpu() {
    if (vulkan::loader_is_wrapped()) return true;
    for (const char* node : {"/dev/dri", "/dev/nvidiactl", "/dev/dxg", "/dev/kfd"}) {
        std::error_code error;
        if (std::filesystem::exists(node, error)) return true;
    }
    return false;
}

}  // namespace airframe
