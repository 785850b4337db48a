// What is known of a graphics processor before it is used, as plain data: for people (`shimmy gpu-info`), and
// for choosing one. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace airframe {

enum class AdapterKind : uint8_t { kDiscrete, kIntegrated, kVirtual, kOther, kCpu };  // best first

struct Adapter {
    uint32_t index = 0;  // in the driver's order: what --gpu-device takes
    std::string name;
    AdapterKind kind = AdapterKind::kOther;
    std::string driver;                         // name and version
    std::string api_version;                    // "1.3.230"
    uint64_t memory_bytes = 0;                  // of its own, or shared where it has none
    std::optional<uint64_t> memory_free_bytes;  // where the driver tells
    uint64_t buffer_bytes_max = 0;              // one allocation
    uint32_t shared_memory_bytes = 0;
    uint32_t subgroup_size = 0;
    uint32_t workgroup_threads_max = 0;
    bool dot_product = false;          // packed 8-bit integer products
    bool cooperative_matrix = false;   // KHR
    std::vector<std::string> missing;  // features and limits without which it cannot be used; empty: usable
};

std::string_view adapter_kind_name(AdapterKind kind);

struct AdapterChoice {
    std::optional<uint32_t> index;  // nothing: none fits
    std::string reason;             // why this one, or why none
};

// Which adapter to use. `wanted` empty: the best usable one that is no CPU, the discrete before the
// integrated, then the one with most memory. Else a number, or a part of the name (case does not matter), of
// any kind.
AdapterChoice choose_adapter(std::span<const Adapter> adapters, std::string_view wanted);

// Up to `n` usable GPUs to share a model, as --gpu-device takes them: discrete ones in the driver's order,
// where there are fewer than two of them all that are no CPUs.
std::vector<std::string> several_adapters(std::span<const Adapter> adapters, size_t n);

// Errors: kUnsupported (no loader, no driver) with what to do. An empty list: a driver without devices.
base::Result<std::vector<Adapter>> list_adapters();

// False when this machine surely has no GPU: no device nodes. Takes no time.
bool may_have_gpu();

}  // namespace airframe
