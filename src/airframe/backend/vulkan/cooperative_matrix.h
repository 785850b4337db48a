// Cooperative matrices: the extension of Khronos, for shaders that glslc could only compile for NVIDIA's
// earlier one. Any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "airframe/backend/vulkan/instance.h"

namespace airframe::vulkan {

// A SPIR-V module with SPV_NV_cooperative_matrix as one with SPV_KHR_cooperative_matrix; others unchanged.
// What a matrix is used for (left, right, sums), which NVIDIA's types do not tell, is read off the
// constant_id of its number of rows: 100 or 101, 102 or 103, 104 or 105. Errors: kBadFile where a type has
// none of these.
base::Result<std::vector<uint32_t>> with_khr_matrices(std::span<const uint32_t> module);

// Whether the device multiplies 16 x 16 matrices of short floats with sums in f32, a subgroup together.
bool multiplies_halves(PFN_vkGetInstanceProcAddr get_proc, VkInstance instance, VkPhysicalDevice device);

// Of the device's creation; vulkan_core.h of Debian 12 does not know it yet.
struct CooperativeMatrixFeatures {
    VkStructureType type = static_cast<VkStructureType>(1000506000);
    void* next = nullptr;
    VkBool32 matrices = VK_TRUE;
    VkBool32 robust_access = VK_FALSE;
};
inline constexpr const char* kCooperativeMatrixExtension = "VK_KHR_cooperative_matrix";

}  // namespace airframe::vulkan
