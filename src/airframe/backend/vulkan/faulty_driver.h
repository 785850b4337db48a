// For tests: a driver that fails when it is told to. It stands between the loader and the real driver (Mesa's
// lavapipe in CI), so what it does not spoil is real. One at a time in a process; any thread.
#pragma once

#include <atomic>
#include <cstring>

#include "airframe/backend/vulkan/api.h"

namespace airframe::vulkan {

class FaultyDriver {
  public:
    FaultyDriver() {
        state() = {};
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
    static Spoiled& submit() { return state().submit; }
    static Spoiled& wait() { return state().wait; }
    static Spoiled& allocate() { return state().allocate; }

  private:
    struct State {
        Spoiled submit, wait, allocate;
        State& operator=(const State&) {
            for (Spoiled* each : {&submit, &wait, &allocate}) each->heal();
            return *this;
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
        return real_of<PFN_vkAllocateMemory>()(device, info, callbacks, memory);
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
        return real;
    }
    static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL instance_proc(VkInstance instance, const char* name) {
        const PFN_vkVoidFunction real = get_instance_proc()(instance, name);
        if (std::strcmp(name, "vkGetDeviceProcAddr") == 0)
            return keep<PFN_vkGetDeviceProcAddr>(real, &device_proc);
        return real;
    }
};

}  // namespace airframe::vulkan
