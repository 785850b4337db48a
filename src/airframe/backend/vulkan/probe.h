// Asking a physical device what it is: the half of adapter.h that knows Vulkan. Any thread.
#pragma once

#include <vector>

#include "airframe/backend/vulkan/adapter.h"
#include "airframe/backend/vulkan/instance.h"

namespace airframe::vulkan {

// In the driver's order. Errors: kUnsupported.
base::Result<std::vector<VkPhysicalDevice>> physical_devices(const Instance& instance);

Adapter describe_adapter(const Instance& instance, VkPhysicalDevice device, uint32_t index);

// Free bytes of the device's own memory, where the driver tells (VK_EXT_memory_budget).
std::optional<uint64_t> free_memory_bytes(const Instance& instance, VkPhysicalDevice device);

bool has_extension(const Instance& instance, VkPhysicalDevice device, std::string_view name);

// The queue family for compute; a family without graphics first. Nothing: the device cannot compute.
std::optional<uint32_t> compute_family(const Instance& instance, VkPhysicalDevice device);

}  // namespace airframe::vulkan
