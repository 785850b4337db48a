// Memory that host code reads and writes directly, and views of rows in it: what the reference and cpu
// backends share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>

#include "airframe/backend/backend.h"
#include "base/check.h"
#include "base/result.h"

namespace airframe {

inline constexpr size_t kHostAlignment = 64;  // one cache line, one AVX-512 register

// Owns aligned memory, or borrows memory that outlives it (a file's mapping).
class HostBuffer final : public Buffer {
  public:
    // Errors: kOutOfMemory with the bytes asked for.
    static base::Result<std::unique_ptr<Buffer>> allocate(size_t size_bytes) {
        void* memory = ::operator new(size_bytes, std::align_val_t(kHostAlignment), std::nothrow);
        if (memory == nullptr)
            return base::fail(base::ErrorCode::kOutOfMemory,
                              "the system has no {} bytes of memory left; use a smaller context or model",
                              size_bytes);
        return std::unique_ptr<Buffer>(new HostBuffer(static_cast<std::byte*>(memory), size_bytes, true));
    }
    static std::unique_ptr<Buffer> borrow(std::span<const std::byte> memory) {
        // Weights are only read: a Weight holds its buffer as const.
        return std::unique_ptr<Buffer>(
            new HostBuffer(const_cast<std::byte*>(memory.data()), memory.size(), false));
    }
    ~HostBuffer() override {
        if (owned_) ::operator delete(host, std::align_val_t(kHostAlignment));
    }

  private:
    HostBuffer(std::byte* memory, size_t size_bytes, bool owned) : owned_(owned) {
        host = memory;
        bytes = size_bytes;
    }
    bool owned_;
};

inline void write_host(Buffer& to, size_t offset_bytes, std::span<const std::byte> from) {
    CHECK(offset_bytes <= to.bytes && from.size() <= to.bytes - offset_bytes, "{} bytes at {} of {}",
          from.size(), offset_bytes, to.bytes);
    if (!from.empty()) std::memcpy(to.host + offset_bytes, from.data(), from.size());
}

inline void read_host(const Buffer& from, size_t offset_bytes, std::span<std::byte> to) {
    CHECK(offset_bytes <= from.bytes && to.size() <= from.bytes - offset_bytes, "{} bytes at {} of {}",
          to.size(), offset_bytes, from.bytes);
    if (!to.empty()) std::memcpy(to.data(), from.host + offset_bytes, to.size());
}

// Row i of f32 activations.
inline float* row_of(const Rows& rows, int64_t i) {
    return reinterpret_cast<float*>(rows.buffer->host) + i * rows.cols;
}

// The blocks of row i of a weight.
inline const std::byte* row_of(const Weight& weight, int64_t i) {
    return weight.buffer->host + weight.offset_bytes +
           static_cast<size_t>(i * row_bytes(weight.type, weight.cols));
}

// A vector of f32 (gains, biases), null when absent.
inline const float* floats_of(const Weight& weight) {
    if (!weight) return nullptr;
    CHECK(weight.type == QuantType::kF32, "a vector of type {}", traits(weight.type).name);
    return reinterpret_cast<const float*>(weight.buffer->host + weight.offset_bytes);
}

// Rows [first, first + count) of a weight, and of a projection with its bias.
inline Weight slice_rows(const Weight& weight, int64_t first, int64_t count) {
    Weight part = weight;
    part.offset_bytes += static_cast<size_t>(first * row_bytes(weight.type, weight.cols));
    part.rows = count;
    return part;
}

inline Linear slice_rows(const Linear& linear, int64_t first, int64_t count) {
    Linear part = linear;
    if (linear.weight) part.weight = slice_rows(linear.weight, first, count);
    if (linear.bias) part.bias.offset_bytes += static_cast<size_t>(first) * sizeof(float);
    return part;
}

}  // namespace airframe
