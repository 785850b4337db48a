// A Vulkan instance, with the validation layer on request (SHIMMY_VULKAN_VALIDATION=1): tests run with it and
// look at the number of its messages. Any thread, but for the destructor.
#pragma once

#include <memory>

#include "airframe/backend/vulkan/api.h"
#include "base/result.h"

namespace airframe::vulkan {

class Instance {
  public:
    // Errors: kUnsupported (no loader, no driver, validation asked for but absent) with what to do.
    static base::Result<std::unique_ptr<Instance>> create();
    ~Instance();
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;

    VkInstance handle() const { return handle_; }
    const InstanceApi& api() const { return api_; }
    PFN_vkGetInstanceProcAddr get_proc() const { return loader_.vkGetInstanceProcAddr; }

  private:
    Instance() = default;
    base::Result<void> start();
    base::Result<void> listen();

    LoaderApi loader_;
    InstanceApi api_;
    VkInstance handle_ = VK_NULL_HANDLE;
    VkDebugUtilsMessengerEXT messenger_ = VK_NULL_HANDLE;
    bool validation_ = false;
};

}  // namespace airframe::vulkan
