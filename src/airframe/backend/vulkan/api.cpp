#include "airframe/backend/vulkan/api.h"

#include <dlfcn.h>

#include <atomic>

namespace airframe::vulkan {
namespace {

std::unexpected<base::Error> lacks(const char* function) {
    return base::fail(
        base::ErrorCode::kUnsupported,
        "the Vulkan loader or driver lacks {}; Vulkan 1.2 or newer is needed: update the driver", function);
}

std::atomic<WrapLoader> wrap_the_loader{nullptr};

}  // namespace

void wrap_loader(WrapLoader wrap) { wrap_the_loader = wrap; }
bool loader_is_wrapped() { return wrap_the_loader != nullptr; }

base::Result<LoaderApi> open_loader() {
    static void* const library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
        return base::fail(
            base::ErrorCode::kUnsupported,
            "libvulkan.so.1 is not on this machine; install the Vulkan loader (Debian: libvulkan1) "
            "and the driver of the GPU");
    LoaderApi api;
    api.vkGetInstanceProcAddr =
        reinterpret_cast<PFN_vkGetInstanceProcAddr>(dlsym(library, "vkGetInstanceProcAddr"));
    if (const WrapLoader wrap = wrap_the_loader) api.vkGetInstanceProcAddr = wrap(api.vkGetInstanceProcAddr);
    if (api.vkGetInstanceProcAddr == nullptr) return lacks("vkGetInstanceProcAddr");
#define LOAD(name)                                                                      \
    api.name = reinterpret_cast<PFN_##name>(api.vkGetInstanceProcAddr(nullptr, #name)); \
    if (api.name == nullptr) return lacks(#name);
    LOAD(vkCreateInstance)
    LOAD(vkEnumerateInstanceLayerProperties)
    LOAD(vkEnumerateInstanceVersion)
#undef LOAD
    return api;
}

base::Result<InstanceApi> load_instance_api(const LoaderApi& loader, VkInstance instance) {
    InstanceApi api;
#define LOAD(name)                                                                          \
    api.name = reinterpret_cast<PFN_##name>(loader.vkGetInstanceProcAddr(instance, #name)); \
    if (api.name == nullptr) return lacks(#name);
    AIRFRAME_VK_INSTANCE_FUNCTIONS(LOAD)
#undef LOAD
    return api;
}

base::Result<DeviceApi> load_device_api(const InstanceApi& from, VkDevice device) {
    DeviceApi api;
#define LOAD(name)                                                                    \
    api.name = reinterpret_cast<PFN_##name>(from.vkGetDeviceProcAddr(device, #name)); \
    if (api.name == nullptr) return lacks(#name);
    AIRFRAME_VK_DEVICE_FUNCTIONS(LOAD)
#undef LOAD
    return api;
}

std::string describe_result(VkResult result) {
    const char* what = "an error";
    switch (result) {
        case VK_ERROR_OUT_OF_HOST_MEMORY:
            what = "out of host memory";
            break;
        case VK_ERROR_OUT_OF_DEVICE_MEMORY:
            what = "out of device memory";
            break;
        case VK_ERROR_DEVICE_LOST:
            what = "the device was lost";
            break;
        case VK_ERROR_INCOMPATIBLE_DRIVER:
            what = "no usable driver";
            break;
        case VK_ERROR_INITIALIZATION_FAILED:
            what = "the driver could not start";
            break;
        case VK_TIMEOUT:
            what = "the device did not answer in time";
            break;
        default:
            break;
    }
    return fmt::format("{} (VkResult {})", what, static_cast<int>(result));
}

}  // namespace airframe::vulkan
