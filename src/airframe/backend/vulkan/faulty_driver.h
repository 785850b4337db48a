// For tests: a driver that fails when it is told to, or tells of other devices than there are. It stands
// between the loader and the real driver (Mesa's lavapipe in CI), so what it does not spoil is real. One at a
// time in a process; any thread, but for what is pretended.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>

#include "airframe/backend/vulkan/api.h"

namespace airframe::vulkan {

class FaultyDriver {
  public:
    FaultyDriver() {
        state().reset();
        wrap_loader([](PFN_vkGetInstanceProcAddr real) {
            get_instance_proc() = real;
            return &instance_proc;
        });
    }
    ~FaultyDriver() { wrap_loader(nullptr); }
    FaultyDriver(const FaultyDriver&) = delete;
    FaultyDriver& operator=(const FaultyDriver&) = delete;

    // A function whose result can be spoiled: call number `at` from now on (0: the next one), and all calls
    // behind it when it lasts.
    struct Spoiled {
        std::atomic<int> calls_left{-1};  // negative: none fails
        std::atomic<VkResult> result{VK_SUCCESS};
        std::atomic<bool> lasts{false};

        void fail(VkResult with, int at, bool and_after = false) {
            result = with;
            lasts = and_after;
            calls_left = at;
        }
        void heal() { calls_left = -1; }
        bool strikes() {
            int left = calls_left;
            while (left >= 0) {
                const int next = left == 0 && lasts ? 0 : left - 1;
                if (calls_left.compare_exchange_weak(left, next)) return left == 0;
            }
            return false;
        }
    };
    // What is told of every device instead of the truth. Set while no device is open.
    struct Pretended {
        uint32_t devices = 1;  // each real one so many times; 0: there is none
        std::optional<VkPhysicalDeviceType> type;
        std::optional<uint32_t> api_version;
        std::optional<uint64_t> heap_bytes;        // and no more is given
        std::optional<uint64_t> allocation_bytes;  // and no larger one is given
        std::optional<uint32_t> shared_memory_bytes, workgroup_threads;
        bool device_addresses = true, bytes = true, shorts = true;  // features
        VkSubgroupFeatureFlags subgroups = ~VkSubgroupFeatureFlags{0};
        std::optional<VkResult> no_instance;
    };
    static Pretended& pretend() { return state().pretended; }

    // Device memory that is taken now, and the most there was.
    static uint64_t allocated_bytes() { return state().memory.now(); }
    static uint64_t allocated_bytes_most() { return state().memory.most(); }

    static Spoiled& submit() { return state().submit; }
    static Spoiled& wait() { return state().wait; }
    static Spoiled& allocate() { return state().allocate; }

  private:
    class Allocations {
      public:
        bool add(VkDeviceMemory memory, uint64_t bytes, uint64_t limit) {
            const std::scoped_lock lock(mutex_);
            if (bytes_ + bytes > limit) return false;
            sizes_[memory] = bytes;
            bytes_ += bytes;
            most_ = std::max(most_, bytes_);
            return true;
        }
        void remove(VkDeviceMemory memory) {
            const std::scoped_lock lock(mutex_);
            const auto found = sizes_.find(memory);
            if (found == sizes_.end()) return;
            bytes_ -= found->second;
            sizes_.erase(found);
        }
        void clear() {
            const std::scoped_lock lock(mutex_);
            sizes_.clear();
            bytes_ = most_ = 0;
        }
        uint64_t now() {
            const std::scoped_lock lock(mutex_);
            return bytes_;
        }
        uint64_t most() {
            const std::scoped_lock lock(mutex_);
            return most_;
        }

      private:
        std::mutex mutex_;
        std::map<VkDeviceMemory, uint64_t> sizes_;
        uint64_t bytes_ = 0, most_ = 0;
    };
    struct State {
        Spoiled submit, wait, allocate;
        Pretended pretended;
        Allocations memory;
        void reset() {
            for (Spoiled* each : {&submit, &wait, &allocate}) each->heal();
            pretended = {};
            memory.clear();
        }
    };
    static State& state() {
        static State one;
        return one;
    }
    static PFN_vkGetInstanceProcAddr& get_instance_proc() {
        static PFN_vkGetInstanceProcAddr real = nullptr;
        return real;
    }
    template <class Function>
    static Function& real_of() {
        static Function real = nullptr;
        return real;
    }

    static VKAPI_ATTR VkResult VKAPI_CALL queue_submit(VkQueue queue, uint32_t n, const VkSubmitInfo* infos,
                                                       VkFence fence) {
        if (submit().strikes()) return submit().result;
        return real_of<PFN_vkQueueSubmit>()(queue, n, infos, fence);
    }
    // The work is done all the same, so that what it used can be destroyed.
    static VKAPI_ATTR VkResult VKAPI_CALL wait_for_fences(VkDevice device, uint32_t n, const VkFence* fences,
                                                          VkBool32 all, uint64_t timeout_ns) {
        const VkResult result = real_of<PFN_vkWaitForFences>()(device, n, fences, all, timeout_ns);
        return wait().strikes() ? wait().result.load() : result;
    }
    static VKAPI_ATTR VkResult VKAPI_CALL allocate_memory(VkDevice device, const VkMemoryAllocateInfo* info,
                                                          const VkAllocationCallbacks* callbacks,
                                                          VkDeviceMemory* memory) {
        if (allocate().strikes()) return allocate().result;
        const uint64_t bytes = info->allocationSize;
        if (bytes > pretend().allocation_bytes.value_or(bytes)) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
        const VkResult result = real_of<PFN_vkAllocateMemory>()(device, info, callbacks, memory);
        if (result != VK_SUCCESS) return result;
        if (state().memory.add(*memory, bytes, pretend().heap_bytes.value_or(~uint64_t{0}))) return result;
        real_of<PFN_vkFreeMemory>()(device, *memory, callbacks);
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    static VKAPI_ATTR void VKAPI_CALL free_memory(VkDevice device, VkDeviceMemory memory,
                                                  const VkAllocationCallbacks* callbacks) {
        state().memory.remove(memory);
        real_of<PFN_vkFreeMemory>()(device, memory, callbacks);
    }

    static VKAPI_ATTR VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo* info,
                                                          const VkAllocationCallbacks* callbacks,
                                                          VkInstance* instance) {
        if (pretend().no_instance) return *pretend().no_instance;
        return real_of<PFN_vkCreateInstance>()(info, callbacks, instance);
    }
    static VKAPI_ATTR VkResult VKAPI_CALL enumerate_devices(VkInstance instance, uint32_t* n,
                                                            VkPhysicalDevice* devices) {
        const uint32_t times = pretend().devices;
        uint32_t real = 0;
        const VkResult result = real_of<PFN_vkEnumeratePhysicalDevices>()(instance, &real, nullptr);
        if (devices == nullptr || result != VK_SUCCESS || real * times == 0) {
            *n = real * times;
            return result;
        }
        const auto got = real_of<PFN_vkEnumeratePhysicalDevices>()(instance, &real, devices);
        for (uint32_t i = real; i < real * times; ++i) devices[i] = devices[i - real];
        return got;
    }
    // The structure of this type in a chain; null: it is not there.
    template <class T>
    static T* in_chain(void* chain, VkStructureType type) {
        for (auto* each = static_cast<VkBaseOutStructure*>(chain); each != nullptr; each = each->pNext)
            if (each->sType == type) return reinterpret_cast<T*>(each);
        return nullptr;
    }
    static VKAPI_ATTR void VKAPI_CALL properties(VkPhysicalDevice device, VkPhysicalDeviceProperties2* all) {
        real_of<PFN_vkGetPhysicalDeviceProperties2>()(device, all);
        const Pretended& told = pretend();
        VkPhysicalDeviceProperties& is = all->properties;
        is.deviceType = told.type.value_or(is.deviceType);
        is.apiVersion = told.api_version.value_or(is.apiVersion);
        VkPhysicalDeviceLimits& limits = is.limits;
        limits.maxComputeSharedMemorySize =
            told.shared_memory_bytes.value_or(limits.maxComputeSharedMemorySize);
        limits.maxComputeWorkGroupInvocations =
            told.workgroup_threads.value_or(limits.maxComputeWorkGroupInvocations);
        if (auto* sizes = in_chain<VkPhysicalDeviceMaintenance3Properties>(
                all->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES))
            sizes->maxMemoryAllocationSize = told.allocation_bytes.value_or(sizes->maxMemoryAllocationSize);
        if (auto* subgroups = in_chain<VkPhysicalDeviceSubgroupProperties>(
                all->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES))
            subgroups->supportedOperations &= told.subgroups;
    }
    static VKAPI_ATTR void VKAPI_CALL features(VkPhysicalDevice device, VkPhysicalDeviceFeatures2* all) {
        real_of<PFN_vkGetPhysicalDeviceFeatures2>()(device, all);
        const Pretended& told = pretend();
        if (auto* v12 = in_chain<VkPhysicalDeviceVulkan12Features>(
                all->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES)) {
            v12->bufferDeviceAddress &= told.device_addresses ? VK_TRUE : VK_FALSE;
            v12->storageBuffer8BitAccess &= told.bytes ? VK_TRUE : VK_FALSE;
        }
        if (auto* v11 = in_chain<VkPhysicalDeviceVulkan11Features>(
                all->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES))
            v11->storageBuffer16BitAccess &= told.shorts ? VK_TRUE : VK_FALSE;
    }
    static VKAPI_ATTR void VKAPI_CALL memory_properties(VkPhysicalDevice device,
                                                        VkPhysicalDeviceMemoryProperties2* all) {
        real_of<PFN_vkGetPhysicalDeviceMemoryProperties2>()(device, all);
        if (!pretend().heap_bytes) return;
        for (uint32_t i = 0; i < all->memoryProperties.memoryHeapCount; ++i)
            all->memoryProperties.memoryHeaps[i].size = *pretend().heap_bytes;
    }

    template <class Function>
    static PFN_vkVoidFunction keep(PFN_vkVoidFunction real, Function ours) {
        real_of<Function>() = reinterpret_cast<Function>(real);
        return reinterpret_cast<PFN_vkVoidFunction>(ours);
    }
    static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL device_proc(VkDevice device, const char* name) {
        const PFN_vkVoidFunction real = real_of<PFN_vkGetDeviceProcAddr>()(device, name);
        if (std::strcmp(name, "vkQueueSubmit") == 0) return keep<PFN_vkQueueSubmit>(real, &queue_submit);
        if (std::strcmp(name, "vkWaitForFences") == 0)
            return keep<PFN_vkWaitForFences>(real, &wait_for_fences);
        if (std::strcmp(name, "vkAllocateMemory") == 0)
            return keep<PFN_vkAllocateMemory>(real, &allocate_memory);
        if (std::strcmp(name, "vkFreeMemory") == 0) return keep<PFN_vkFreeMemory>(real, &free_memory);
        return real;
    }
    static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL instance_proc(VkInstance instance, const char* name) {
        const PFN_vkVoidFunction real = get_instance_proc()(instance, name);
        if (std::strcmp(name, "vkGetDeviceProcAddr") == 0)
            return keep<PFN_vkGetDeviceProcAddr>(real, &device_proc);
        if (std::strcmp(name, "vkCreateInstance") == 0)
            return keep<PFN_vkCreateInstance>(real, &create_instance);
        if (std::strcmp(name, "vkEnumeratePhysicalDevices") == 0)
            return keep<PFN_vkEnumeratePhysicalDevices>(real, &enumerate_devices);
        if (std::strcmp(name, "vkGetPhysicalDeviceProperties2") == 0)
            return keep<PFN_vkGetPhysicalDeviceProperties2>(real, &properties);
        if (std::strcmp(name, "vkGetPhysicalDeviceFeatures2") == 0)
            return keep<PFN_vkGetPhysicalDeviceFeatures2>(real, &features);
        if (std::strcmp(name, "vkGetPhysicalDeviceMemoryProperties2") == 0)
            return keep<PFN_vkGetPhysicalDeviceMemoryProperties2>(real, &memory_properties);
        return real;
    }
};

}  // namespace airframe::vulkan
