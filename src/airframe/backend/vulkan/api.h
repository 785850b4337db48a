// The Vulkan functions we call, found at run time: no link dependency, the same program runs without a
// loader. The structs are filled once and then only read: any thread.
#pragma once

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan_core.h>

#include <memory>

#include "base/result.h"

namespace airframe::vulkan {

// clang-format off
#define AIRFRAME_VK_INSTANCE_FUNCTIONS(X)                                                                 \
    X(vkDestroyInstance) X(vkEnumeratePhysicalDevices) X(vkGetPhysicalDeviceProperties2)                  \
    X(vkGetPhysicalDeviceFeatures2) X(vkGetPhysicalDeviceMemoryProperties2)                               \
    X(vkGetPhysicalDeviceQueueFamilyProperties) X(vkEnumerateDeviceExtensionProperties)                   \
    X(vkCreateDevice) X(vkGetDeviceProcAddr)

#define AIRFRAME_VK_DEVICE_FUNCTIONS(X)                                                                   \
    X(vkDestroyDevice) X(vkGetDeviceQueue) X(vkCreateBuffer) X(vkDestroyBuffer)                           \
    X(vkGetBufferMemoryRequirements) X(vkAllocateMemory) X(vkFreeMemory) X(vkBindBufferMemory)            \
    X(vkMapMemory) X(vkGetBufferDeviceAddress) X(vkCreateShaderModule) X(vkDestroyShaderModule)           \
    X(vkCreatePipelineLayout) X(vkDestroyPipelineLayout) X(vkCreateComputePipelines) X(vkDestroyPipeline) \
    X(vkCreateCommandPool) X(vkDestroyCommandPool) X(vkAllocateCommandBuffers) X(vkFreeCommandBuffers)    \
    X(vkBeginCommandBuffer) X(vkEndCommandBuffer) X(vkCmdBindPipeline) X(vkCmdPushConstants)              \
    X(vkCmdDispatch) X(vkCmdPipelineBarrier) X(vkCmdCopyBuffer) X(vkQueueSubmit) X(vkCreateFence)         \
    X(vkDestroyFence) X(vkWaitForFences) X(vkResetFences) X(vkGetFenceStatus) X(vkDeviceWaitIdle)
// clang-format on

#define AIRFRAME_VK_MEMBER(name) PFN_##name name = nullptr;

// Of the loader alone, before there is an instance.
struct LoaderApi {
    PFN_vkGetInstanceProcAddr vkGetInstanceProcAddr = nullptr;
    PFN_vkCreateInstance vkCreateInstance = nullptr;
    PFN_vkEnumerateInstanceLayerProperties vkEnumerateInstanceLayerProperties = nullptr;
    PFN_vkEnumerateInstanceVersion vkEnumerateInstanceVersion = nullptr;
};

struct InstanceApi {
    AIRFRAME_VK_INSTANCE_FUNCTIONS(AIRFRAME_VK_MEMBER)
};

struct DeviceApi {
    AIRFRAME_VK_DEVICE_FUNCTIONS(AIRFRAME_VK_MEMBER)
};

#undef AIRFRAME_VK_MEMBER

// Between us and the loader: for tests, which make drivers fail. Null: nothing is between. A wrapped loader
// also counts as a sign of a GPU (may_have_gpu). Set while no instance is being made.
using WrapLoader = PFN_vkGetInstanceProcAddr (*)(PFN_vkGetInstanceProcAddr real);
void wrap_loader(WrapLoader wrap);
bool loader_is_wrapped();

// Opens libvulkan.so.1. Errors: kUnsupported, saying what to install. It stays open as long as the program:
// drivers do not like to be unloaded.
base::Result<LoaderApi> open_loader();

base::Result<InstanceApi> load_instance_api(const LoaderApi& loader, VkInstance instance);
base::Result<DeviceApi> load_device_api(const InstanceApi& api, VkDevice device);

// A name for people, such as "out of device memory", with the number.
std::string describe_result(VkResult result);

}  // namespace airframe::vulkan
