// Reproducible bytes and digests for the tests of this folder.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace airframe::testing {

// A linear congruential generator (Numerical Recipes' constants); the goldens were made with the same bytes.
class Lcg {
  public:
    explicit Lcg(uint32_t seed) : state_(seed) {}
    uint32_t next() { return state_ = state_ * 1664525u + 1013904223u; }
    uint8_t next_byte() { return static_cast<uint8_t>(next() >> 24); }
    // About normal: mean 0, deviation 1.
    float next_normal() {
        float sum = 0;
        for (int i = 0; i < 12; ++i) sum += static_cast<float>(next() >> 8) * 0x1p-24f;
        return sum - 6;
    }

  private:
    uint32_t state_;
};

inline std::vector<std::byte> random_bytes(uint32_t seed, size_t count) {
    Lcg random(seed);
    std::vector<std::byte> bytes(count);
    for (std::byte& byte : bytes) byte = std::byte{random.next_byte()};
    return bytes;
}

// FNV-1a, 64 bits.
inline uint64_t digest(std::span<const std::byte> bytes) {
    uint64_t hash = 0xcbf29ce484222325;
    for (const std::byte byte : bytes) hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001b3;
    return hash;
}

// Of the bits of the values; all NaNs are the same.
inline uint64_t digest_values(std::span<const float> values) {
    std::vector<uint32_t> bits;
    for (const float value : values)
        bits.push_back(std::isnan(value) ? 0x7FC00000u : std::bit_cast<uint32_t>(value));
    return digest(std::as_bytes(std::span(bits)));
}

}  // namespace airframe::testing
