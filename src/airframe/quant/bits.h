// Where the bits of one weight lie, for the layouts that several formats share.
#pragma once

#include <cstdint>

namespace airframe {

// 32 weights of 4 bits in 16 bytes: weights 0-15 are the low nibbles, 16-31 the high ones.
constexpr int nibble_of_32(const uint8_t* qs, int i) { return i < 16 ? qs[i] & 15 : qs[i - 16] >> 4; }

constexpr void add_nibble_of_32(uint8_t* qs, int i, int value) {
    qs[i % 16] = static_cast<uint8_t>(qs[i % 16] | value << (i < 16 ? 0 : 4));
}

// The low nibble for i = 0, the high one for i = 1.
constexpr int nibble(uint8_t byte, int i) { return byte >> (4 * i) & 15; }

}  // namespace airframe
