// The 6-bit group scales of the K formats, packed into 12 bytes in two ways. Plain data and integers only.
#pragma once

#include <cstdint>

namespace airframe {

struct ScaleMin {
    int scale;  // 0 to 63
    int min;    // 0 to 63
};

// Q4_K and Q5_K: 8 scales and 8 mins. Groups 0-3 lie in the low six bits of bytes 0-3 (scales) and 4-7
// (mins); groups 4-7 have their low nibbles in bytes 8-11 (scale low, min high) and their two high bits atop
// bytes 0-3 and 4-7.
constexpr ScaleMin k_scale_min(const uint8_t* packed, int group) {
    if (group < 4) return {packed[group] & 63, packed[group + 4] & 63};
    return {(packed[group + 4] & 15) | (packed[group - 4] >> 6) << 4,
            (packed[group + 4] >> 4) | (packed[group] >> 6) << 4};
}

// Writes what k_scale_min reads, into bytes that were 0.
constexpr void put_k_scale_min(uint8_t* packed, int group, ScaleMin value) {
    const auto add = [packed](int place, int bits) {
        packed[place] = static_cast<uint8_t>(packed[place] | bits);
    };
    if (group < 4) {
        add(group, value.scale);
        add(group + 4, value.min);
        return;
    }
    add(group + 4, (value.scale & 15) | (value.min & 15) << 4);
    add(group - 4, value.scale >> 4 << 6);
    add(group, value.min >> 4 << 6);
}

// Q3_K: 16 scales, stored with 32 added. Low nibbles: bytes 0-7, groups 0-7 low, 8-15 high. Two high bits:
// bytes 8-11, group g at bit 2 * (g / 4) of byte 8 + g % 4.
constexpr int q3_k_scale(const uint8_t* packed, int group) {
    const int low = group < 8 ? packed[group] & 15 : packed[group - 8] >> 4;
    const int high = packed[8 + group % 4] >> (2 * (group / 4)) & 3;
    return low | high << 4;
}

// Writes what q3_k_scale reads, into bytes that were 0.
constexpr void put_q3_k_scale(uint8_t* packed, int group, int scale) {
    const auto add = [packed](int place, int bits) {
        packed[place] = static_cast<uint8_t>(packed[place] | bits);
    };
    add(group % 8, (scale & 15) << (4 * (group / 8)));
    add(8 + group % 4, scale >> 4 << (2 * (group / 4)));
}

}  // namespace airframe
