#include "airframe/backend/vulkan/pipelines.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "airframe/backend/vulkan/cooperative_matrix.h"
#include "base/check.h"
#include "base/embedded_file.h"

std::span<const base::EmbeddedFile> airframe_vulkan_shaders();  // made by the build

namespace airframe::vulkan {
namespace {

constexpr std::string_view kFiles[] = {
    "activate",      "add_scaled",  "attend",        "attend_halves", "attend_merge",  "attend_tiles",
    "embed",         "few",         "few_halves",    "few_sum",       "finish_logits", "halve_rows",
    "halve_weights", "matmul",      "matmul_halves", "matvec",        "matvec_bytes",  "matvec_packed",
    "moe_choose",    "moe_combine", "norm",          "pack",          "rope_store"};

// The words of a shader; embedded bytes are not aligned.
std::vector<uint32_t> words_of(Shader shader) {
    const std::string name = std::string(kFiles[static_cast<size_t>(shader)]) + ".spv";
    for (const base::EmbeddedFile& file : airframe_vulkan_shaders()) {
        if (file.name != name) continue;
        std::vector<uint32_t> words(file.bytes().size() / sizeof(uint32_t));
        std::memcpy(words.data(), file.begin, words.size() * sizeof(uint32_t));
        auto portable = with_khr_matrices(words);
        CHECK(portable, "{}: {}", name, portable.error().message);
        return *std::move(portable);
    }
    CHECK(false, "the program has no shader {}", name);
}

}  // namespace

base::Result<std::unique_ptr<Pipelines>> Pipelines::create(Device& device) {
    std::unique_ptr<Pipelines> made(new Pipelines(device));
    const VkPushConstantRange arguments{.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .size = kArgumentBytesMax};
    const VkPipelineLayoutCreateInfo info{.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                          .pushConstantRangeCount = 1,
                                          .pPushConstantRanges = &arguments};
    const VkResult result =
        device.api().vkCreatePipelineLayout(device.handle(), &info, nullptr, &made->layout_);
    if (result != VK_SUCCESS)
        return base::fail(base::ErrorCode::kOutOfMemory, "{} gives no pipeline layout: {}",
                          device.adapter().name, describe_result(result));
    return made;
}

Pipelines::~Pipelines() {
    if (!device_.may_destroy()) return;
    for (const auto& [key, pipeline] : made_)
        device_.api().vkDestroyPipeline(device_.handle(), pipeline, nullptr);
    if (layout_ != VK_NULL_HANDLE) device_.api().vkDestroyPipelineLayout(device_.handle(), layout_, nullptr);
}

VkPipeline Pipelines::get(Shader shader, std::initializer_list<uint32_t> constants) {
    CHECK(constants.size() <= kConstantsMax, "{} constants", constants.size());
    Key key{.shader = shader, .n = static_cast<uint32_t>(constants.size())};
    std::ranges::copy(constants, key.constants.begin());
    const auto found = made_.find(key);
    if (found != made_.end()) return found->second;
    const VkPipeline made = make(key);
    if (made != VK_NULL_HANDLE) made_.emplace(key, made);
    return made;
}

VkPipeline Pipelines::make(const Key& key) {
    const DeviceApi& api = device_.api();
    const std::vector<uint32_t> words = words_of(key.shader);
    const VkShaderModuleCreateInfo code{.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                        .codeSize = words.size() * sizeof(uint32_t),
                                        .pCode = words.data()};
    VkShaderModule module = VK_NULL_HANDLE;
    VkResult result = api.vkCreateShaderModule(device_.handle(), &code, nullptr, &module);
    std::vector<VkSpecializationMapEntry> entries;
    for (uint32_t i = 0; i < key.n; ++i) entries.push_back({.constantID = i, .offset = i * 4, .size = 4});
    const VkSpecializationInfo constants{.mapEntryCount = static_cast<uint32_t>(entries.size()),
                                         .pMapEntries = entries.data(),
                                         .dataSize = key.n * sizeof(uint32_t),
                                         .pData = key.constants.data()};
    const VkComputePipelineCreateInfo info{
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main",
                  .pSpecializationInfo = &constants},
        .layout = layout_};
    VkPipeline pipeline = VK_NULL_HANDLE;
    if (result == VK_SUCCESS)
        result = api.vkCreateComputePipelines(device_.handle(), VK_NULL_HANDLE, 1, &info, nullptr, &pipeline);
    if (result != VK_SUCCESS)
        device_.fail(
            result, fmt::format("the shader {} cannot be compiled", kFiles[static_cast<size_t>(key.shader)]));
    api.vkDestroyShaderModule(device_.handle(), module, nullptr);
    return pipeline;
}

}  // namespace airframe::vulkan
