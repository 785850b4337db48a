#include "airframe/backend/vulkan/vulkan_backend.h"

#include <algorithm>

#include "airframe/backend/vulkan/ops.h"
#include "base/check.h"

namespace airframe {
namespace vulkan {

base::Result<std::unique_ptr<Backend>> VulkanBackend::create(const BackendOptions& options) {
    auto backend = std::make_unique<VulkanBackend>();
    TRY(backend->device_, Device::open(options.device));
    TRY(backend->pipelines_, Pipelines::create(*backend->device_));
    TRY(backend->stream_, Stream::create(*backend->device_, backend->pipelines_->layout()));
    backend->memory_ = std::make_unique<MemoryPool>(*backend->device_);
    backend->deterministic_ = options.deterministic;
    const Adapter& adapter = backend->device_->adapter();
    backend->description_ =
        fmt::format("{} ({}), {} MiB", adapter.name, adapter.driver, adapter.memory_bytes >> 20);
    return backend;
}

VulkanBackend::~VulkanBackend() {
    if (stream_ != nullptr) stream_->finish();
}

bool VulkanBackend::supports(QuantType type) const {
    using enum QuantType;
    constexpr QuantType kTypes[] = {kF32,  kF16,  kBF16, kQ4_0, kQ4_1, kQ5_0,   kQ5_1,   kQ8_0,
                                    kQ2_K, kQ3_K, kQ4_K, kQ5_K, kQ6_K, kIQ4_NL, kIQ4_XS, kMXFP4};
    return std::ranges::find(kTypes, type) != std::end(kTypes);
}

base::Result<std::unique_ptr<Buffer>> VulkanBackend::upload(std::span<const std::byte> host) {
    TRY(auto buffer, memory_->allocate(host.size()));
    constexpr size_t kLargeBytes = 1 << 20;  // smaller ones go together with the first step
    if (host.size() < kLargeBytes)
        stream_->write(buffer->handle(), buffer->offset(), host);
    else
        TRY_VOID(stream_->upload(buffer->handle(), buffer->offset(), host));
    return buffer;
}

base::Result<std::unique_ptr<Buffer>> VulkanBackend::allocate(size_t bytes) {
    TRY(auto buffer, memory_->allocate(bytes));
    return buffer;
}

void VulkanBackend::write(Buffer& to, size_t offset_bytes, std::span<const std::byte> from) {
    CHECK(offset_bytes <= to.bytes && from.size() <= to.bytes - offset_bytes, "{} bytes at {} of {}",
          from.size(), offset_bytes, to.bytes);
    const auto& buffer = static_cast<const DeviceBuffer&>(to);
    packed_ = {};
    stream_->write(buffer.handle(), buffer.offset() + offset_bytes, from);
}

void VulkanBackend::read(const Buffer& from, size_t offset_bytes, std::span<std::byte> to) {
    CHECK(offset_bytes <= from.bytes && to.size() <= from.bytes - offset_bytes, "{} bytes at {} of {}",
          to.size(), offset_bytes, from.bytes);
    const auto& buffer = static_cast<const DeviceBuffer&>(from);
    stream_->read(buffer.handle(), buffer.offset() + offset_bytes, to);
}

// The rooms that ops_*.cpp ask for, and the staging of uploads where it is the same memory.
uint64_t VulkanBackend::working_bytes(const WorkShape& work) const {
    constexpr uint64_t kSpanTokens = 256, kSpanRows = 8, kRounding = 8 << 20, kHalf = 2;
    constexpr uint64_t kStagingBytes = 64 << 20;
    constexpr uint64_t kFewRows = 64, kFewGroups = 768, kFewOuts = 64;  // ops_few.cpp
    const uint64_t chosen = std::max<uint64_t>(work.n_active, 1);
    const uint64_t row = 2 * work.hidden + (chosen + 2) * work.dim;
    const uint64_t spans =
        kSpanRows * work.n_heads * (work.kv_tokens / kSpanTokens + 1) * (work.head_dim + 2);
    uint64_t bytes = (work.rows * row + spans) * sizeof(float) + kRounding;
    bytes += kFewRows * (2 * work.widest + kFewGroups * kFewOuts) * sizeof(float);
    if (multiplies_halves()) bytes += kHalfWeightBytesMax + (work.rows + 128) * work.widest * kHalf;
    if (device_->adapter().kind != AdapterKind::kDiscrete) bytes += kStagingBytes;
    return bytes;
}

uint64_t VulkanBackend::room(Room which, int64_t floats) {
    std::unique_ptr<DeviceBuffer>& kept = rooms_[static_cast<size_t>(which)];
    const uint64_t bytes = static_cast<uint64_t>(floats) * sizeof(float);
    if (kept == nullptr || kept->bytes < bytes) {
        stream_->finish();
        kept = nullptr;
        auto made = memory_->allocate(bytes);
        if (!made) {
            device_->fail(std::move(made).error());
            return 0;
        }
        kept = *std::move(made);
    }
    return kept->address();
}

uint64_t VulkanBackend::stage_ints(std::span<const int32_t> values) {
    const Staged staged = stream_->stage(values.size_bytes());
    std::memcpy(staged.host, values.data(), values.size_bytes());
    return staged.address;
}

bool rounds_factors(const Backend& backend) {
    return static_cast<const VulkanBackend&>(backend).multiplies_halves();
}

uint64_t address_of(const Weight& vector) {
    if (!vector) return 0;
    CHECK(vector.type == QuantType::kF32, "a vector of type {}", traits(vector.type).name);
    return address_of(*vector.buffer) + vector.offset_bytes;
}

// Shaders take addresses of whole vectors of four.
Place place_of(const Weight& weight) {
    constexpr uint64_t kAlignment = 16;
    const uint64_t address = address_of(*weight.buffer) + weight.offset_bytes;
    return {address / kAlignment * kAlignment, static_cast<uint32_t>(address % kAlignment)};
}

}  // namespace vulkan

base::Result<std::unique_ptr<Backend>> make_vulkan_backend(const BackendOptions& options) {
    return vulkan::VulkanBackend::create(options);
}

}  // namespace airframe
