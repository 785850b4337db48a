// Small seeded random numbers, the same on every machine: xoshiro256** (Blackman and Vigna, 2018) seeded by
// splitmix64.
#pragma once

#include <cstdint>

namespace base {

class Rng {
  public:
    explicit Rng(uint64_t seed) {
        for (uint64_t& word : state_) word = splitmix(seed);
    }

    uint64_t next_u64() {
        const uint64_t result = rotate(state_[1] * 5, 7) * 9;
        const uint64_t shifted = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= shifted;
        state_[3] = rotate(state_[3], 45);
        return result;
    }

    // Uniform in [0, 1), 53 bits.
    double next_double() { return static_cast<double>(next_u64() >> 11) * 0x1.0p-53; }

    // Uniform in [0, bound). REQUIRES: bound > 0. The bias is below 2^-32 for the bounds in use.
    uint64_t next_below(uint64_t bound) {
        return static_cast<uint64_t>((static_cast<unsigned __int128>(next_u64()) * bound) >> 64);
    }

  private:
    static uint64_t rotate(uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }
    static uint64_t splitmix(uint64_t& seed) {
        uint64_t z = (seed += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }

    uint64_t state_[4];
};

}  // namespace base
