// A Vulkan device with its compute queue and its memory. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "airframe/backend/vulkan/adapter.h"
#include "airframe/backend/vulkan/instance.h"
#include "base/result.h"

namespace airframe::vulkan {

class Device;

enum class MemoryUse : uint8_t {
    kDevice,   // weights, activations
    kUpload,   // written by the host, read by the device
    kReadback  // written by the device, read by the host
};

// A buffer with memory of its own; shaders reach it by its address. Freed with the object.
class Memory {
  public:
    ~Memory();
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;

    VkBuffer buffer = VK_NULL_HANDLE;
    uint64_t address = 0;
    uint64_t bytes = 0;
    std::byte* mapped = nullptr;  // of kUpload and kReadback

  private:
    friend class Device;
    explicit Memory(Device& device) : device_(device) {}
    Device& device_;
    VkDeviceMemory memory_ = VK_NULL_HANDLE;
    uint32_t heap_ = 0;
    uint64_t taken_bytes_ = 0;  // of the heap
};

class Device {
  public:
    // `wanted` as in choose_adapter(). Errors: kUnsupported with the reason and what to do.
    static base::Result<std::unique_ptr<Device>> open(std::string_view wanted);
    ~Device();
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    const Adapter& adapter() const { return adapter_; }
    const DeviceApi& api() const { return api_; }
    VkDevice handle() const { return handle_; }
    VkQueue queue() const { return queue_; }
    uint32_t queue_family() const { return queue_family_; }
    bool full_subgroups() const { return full_subgroups_; }
    // Whether matmul_halves.comp runs here: cooperative matrices, and what else that shader takes for
    // granted.
    bool multiplies_halves() const { return multiplies_halves_; }
    // Whether matvec_packed.comp runs here: a dot product of four bytes.
    bool multiplies_bytes() const { return multiplies_bytes_; }
    // Bytes that can still be allocated for kDevice, as far as the driver tells.
    uint64_t available_bytes() const;

    // Remembers that a call did not do `what`; the first fault counts. A lost or silent device stays lost; of
    // the rest something may go better after take_fault().
    void fail(VkResult result, std::string_view what);
    void fail(base::Error error);
    // Whether something has gone wrong that nobody has taken: then nothing is to be run.
    bool failed() const { return fault_.has_value(); }
    base::Result<void> take_fault();

    // Waits for work of so many multiply-adds; gives up after far more time than any device of this kind
    // needs for it. What goes wrong is remembered. True: it is done.
    bool wait(VkFence fence, uint64_t multiply_adds);
    // False while work is under way that was given up: destroying what it uses would bring the program down,
    // so that is left to the system.
    bool may_destroy();

    // Called before memory is freed: work that uses it must end first.
    void set_before_free(std::function<void()> call) { before_free_ = std::move(call); }
    // How often memory was freed: recorded commands may name what is no more.
    uint64_t frees() const { return frees_; }

    // Errors: kOutOfMemory with the bytes asked for and what the device has.
    base::Result<std::unique_ptr<Memory>> allocate(uint64_t bytes, MemoryUse use);

  private:
    friend class Memory;
    Device() = default;
    base::Result<void> choose(std::string_view wanted);
    base::Result<void> create();
    std::optional<uint32_t> memory_type(uint32_t allowed_bits, MemoryUse use) const;

    std::unique_ptr<Instance> instance_;
    VkPhysicalDevice physical_ = VK_NULL_HANDLE;
    Adapter adapter_;
    VkDevice handle_ = VK_NULL_HANDLE;
    DeviceApi api_;
    VkQueue queue_ = VK_NULL_HANDLE;
    uint32_t queue_family_ = 0;
    bool full_subgroups_ = false;
    bool multiplies_halves_ = false;
    bool multiplies_bytes_ = false;
    VkPhysicalDeviceMemoryProperties memory_{};
    std::array<uint64_t, VK_MAX_MEMORY_HEAPS> taken_bytes_{};  // by this device, of each heap
    std::optional<base::Error> fault_;
    bool lost_ = false;
    VkFence given_up_ = VK_NULL_HANDLE;
    std::function<void()> before_free_;
    uint64_t frees_ = 0;
};

}  // namespace airframe::vulkan
