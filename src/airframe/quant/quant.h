// QuantTraits: what the program knows of a block format. The scalar dequantise is normative: every fast path
// is compared with it. A new format is its block (blocks.h), its two functions and its row in quant.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "airframe/quant/quant_type.h"

namespace airframe {

struct QuantTraits {
    QuantType type;
    std::string_view name;  // as people write it: "Q4_K"
    int64_t block_elems;    // elements of one block; a row's length is a multiple of it
    int64_t block_bytes;
    // blocks -> out[n]; n is a multiple of block_elems. Null for integer types, which hold no weights.
    void (*dequantize_row)(const std::byte* blocks, float* out, int64_t n);
    // in[n] -> blocks. Null where there is no simple public definition.
    void (*quantize_row)(const float* in, std::byte* blocks, int64_t n);
};

// All known types, in the order of their numbers.
std::span<const QuantTraits> all_quants();
// Null for a number that is no known type.
const QuantTraits* find_quant(uint32_t ggml_id);
const QuantTraits* find_quant(std::string_view name);  // case does not matter
// REQUIRES: a type of the enumeration.
const QuantTraits& traits(QuantType type);

// Bytes of one row of n elements. REQUIRES: n is a multiple of block_elems.
inline int64_t row_bytes(QuantType type, int64_t n) {
    const QuantTraits& t = traits(type);
    return n / t.block_elems * t.block_bytes;
}

}  // namespace airframe
