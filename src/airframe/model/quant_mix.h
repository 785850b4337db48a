// Which format each tensor of a quantised file gets: the named mixes people know ("Q4_K_M") as a table of
// rules.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "airframe/quant/quant.h"
#include "base/result.h"

namespace airframe {

// Where a rule applies, by the layer of the tensor.
enum class MixWhen : uint8_t {
    kAlways,
    kMoreBits,     // first and last eighth of the layers, and every third between
    kFirstEighth,  // of the layers
    kFirstTwo,
};

struct MixRule {
    std::string_view tensor;  // how the name ends before ".weight", e.g. "ffn_down"
    MixWhen when;
    QuantType type;
};

struct QuantMix {
    std::string_view name;
    int64_t file_type;  // general.file_type
    QuantType base;
    std::span<const MixRule> rules;  // the first that applies wins; otherwise the base
};

std::span<const QuantMix> all_mixes();
// False: there is no simple public definition of how to write its base format; it can be read and made at
// random, but no file can be converted to it.
bool can_encode(const QuantMix& mix);
// By name, case does not matter; names of single formats are mixes without rules. Errors: kInvalidArgument
// with the list.
base::Result<const QuantMix*> find_mix(std::string_view name);

struct MixTensor {
    std::string_view name;
    int64_t cols = 0;  // elements of a row
    uint32_t n_dims = 0;
    uint32_t n_layers = 0;   // of the model
    bool tied_head = false;  // there is no output.weight: the embedding serves as head
};

// The format of one tensor. Vectors, routers and positions stay F32; rows that are no whole number of blocks
// fall back to the nearest format with blocks of 32, else to F16.
QuantType mixed_type(const QuantMix& mix, const MixTensor& tensor);

}  // namespace airframe
