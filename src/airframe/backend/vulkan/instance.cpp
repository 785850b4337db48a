#include "airframe/backend/vulkan/instance.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string_view>
#include <vector>

#include "airframe/backend/vulkan/vulkan_backend.h"
#include "base/log.h"
#include "base/system.h"

namespace airframe::vulkan {
namespace {

constexpr const char* kValidationLayer = "VK_LAYER_KHRONOS_validation";

std::atomic<int> message_count{0};

VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT,
                                          VkDebugUtilsMessageTypeFlagsEXT,
                                          const VkDebugUtilsMessengerCallbackDataEXT* data, void*) {
    ++message_count;
    base::log_error("Vulkan validation: {}", data->pMessage);
    return VK_FALSE;
}

bool has_validation_layer(const LoaderApi& loader) {
    uint32_t n = 0;
    loader.vkEnumerateInstanceLayerProperties(&n, nullptr);
    std::vector<VkLayerProperties> layers(n);
    loader.vkEnumerateInstanceLayerProperties(&n, layers.data());
    return std::ranges::any_of(layers, [](const VkLayerProperties& layer) {
        return std::string_view(layer.layerName) == kValidationLayer;
    });
}

std::unexpected<base::Error> no_instance(VkResult result) {
    return base::fail(
        base::ErrorCode::kUnsupported,
        "Vulkan cannot start: {}. Is a driver installed for the GPU? In a container of NVIDIA's the variable "
        "NVIDIA_DRIVER_CAPABILITIES must contain \"graphics\" (or be \"all\"), and the packages libglvnd0, "
        "libglx0 "
        "and libegl1 must be there; elsewhere install mesa-vulkan-drivers",
        describe_result(result));
}

}  // namespace

int validation_messages() { return message_count; }

base::Result<std::unique_ptr<Instance>> Instance::create() {
    std::unique_ptr<Instance> instance(new Instance);
    TRY_VOID(instance->start());
    if (instance->validation_) TRY_VOID(instance->listen());
    return instance;
}

base::Result<void> Instance::start() {
    TRY(loader_, open_loader());
    uint32_t version = 0;
    loader_.vkEnumerateInstanceVersion(&version);
    if (version < VK_API_VERSION_1_2)
        return base::fail(base::ErrorCode::kUnsupported,
                          "the Vulkan loader is of version {}.{}, 1.2 or newer is needed",
                          VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version));
    validation_ = base::env("SHIMMY_VULKAN_VALIDATION").value_or("0") != "0";
    if (validation_ && !has_validation_layer(loader_))
        return base::fail(base::ErrorCode::kUnsupported,
                          "SHIMMY_VULKAN_VALIDATION is set, but there is no {}; install it (Debian: "
                          "vulkan-validationlayers) or unset the variable",
                          kValidationLayer);
    const VkApplicationInfo program{.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                    .pApplicationName = "shimmy",
                                    .apiVersion = std::min(version, VK_API_VERSION_1_3)};
    const char* extension = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
    const VkInstanceCreateInfo info{.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                    .pApplicationInfo = &program,
                                    .enabledLayerCount = validation_ ? 1u : 0u,
                                    .ppEnabledLayerNames = &kValidationLayer,
                                    .enabledExtensionCount = validation_ ? 1u : 0u,
                                    .ppEnabledExtensionNames = &extension};
    const VkResult result = loader_.vkCreateInstance(&info, nullptr, &handle_);
    if (result != VK_SUCCESS) return no_instance(result);
    TRY(api_, load_instance_api(loader_, handle_));
    return {};
}

base::Result<void> Instance::listen() {
    const auto create = reinterpret_cast<PFN_vkCreateDebugUtilsMessengerEXT>(
        loader_.vkGetInstanceProcAddr(handle_, "vkCreateDebugUtilsMessengerEXT"));
    const VkDebugUtilsMessengerCreateInfoEXT info{
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity =
            VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
        .pfnUserCallback = on_message};
    const VkResult result =
        create == nullptr ? VK_ERROR_EXTENSION_NOT_PRESENT : create(handle_, &info, nullptr, &messenger_);
    if (result == VK_SUCCESS) return {};
    return base::fail(base::ErrorCode::kUnsupported,
                      "the messages of the validation layer cannot be heard: {}", describe_result(result));
}

Instance::~Instance() {
    if (messenger_ != VK_NULL_HANDLE) {
        const auto destroy = reinterpret_cast<PFN_vkDestroyDebugUtilsMessengerEXT>(
            loader_.vkGetInstanceProcAddr(handle_, "vkDestroyDebugUtilsMessengerEXT"));
        destroy(handle_, messenger_, nullptr);
    }
    if (handle_ != VK_NULL_HANDLE && api_.vkDestroyInstance != nullptr)
        api_.vkDestroyInstance(handle_, nullptr);
}

}  // namespace airframe::vulkan
