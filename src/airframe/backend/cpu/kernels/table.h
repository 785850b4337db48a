// Gathers the kernels of one instruction set into its table.
// Read by the translation unit of each instruction set, after its simd.h.
#pragma once

#include "airframe/backend/cpu/kernel_table.h"
#include "airframe/backend/cpu/kernels/attend.h"
#include "airframe/backend/cpu/kernels/formats.h"
#include "airframe/backend/cpu/kernels/gemm.h"
#include "airframe/backend/cpu/kernels/gemm_pairs.h"
#include "airframe/backend/cpu/kernels/math.h"
#include "airframe/backend/cpu/kernels/matvec.h"
#include "airframe/backend/cpu/kernels/rows.h"

namespace airframe::cpu {
namespace {

template <class Format>
constexpr void add_blocks(Kernels& k, QuantType type) {
    k.matvec[static_cast<int>(type)] = matvec<Format>;
    k.matvec_takes_integers[static_cast<int>(type)] = true;
    k.unpack[static_cast<int>(type)] = unpack<Format>;
    if constexpr (kPairsPay) k.gemm_pairs[static_cast<int>(type)] = gemm_pairs<Format>;
}

template <class Format>
constexpr void add_floats(Kernels& k, QuantType type) {
    k.matvec[static_cast<int>(type)] = matvec_float<Format>;
    k.unpack[static_cast<int>(type)] = unpack_float<Format>;
}

template <class Act>
constexpr void add_activation(Kernels& k, int at) {
    k.activate[at] = activate_gated<Act>;
    k.activate_alone[at] = activate_alone<Act>;
}

constexpr Kernels make_kernels(const char* name, int matvec_rows_max) {
    Kernels k{};
    k.name = name;
    k.token_block = kTokenBlock;
    k.panel_rows = kPanelRows;
    k.matvec_rows_max = matvec_rows_max;
    k.quantize = quantize;
    add_floats<FloatsF32>(k, QuantType::kF32);
    add_floats<FloatsF16>(k, QuantType::kF16);
    add_floats<FloatsBF16>(k, QuantType::kBF16);
    add_blocks<FormatQ4_0>(k, QuantType::kQ4_0);
    add_blocks<FormatQ4_1>(k, QuantType::kQ4_1);
    add_blocks<FormatQ5_0>(k, QuantType::kQ5_0);
    add_blocks<FormatQ5_1>(k, QuantType::kQ5_1);
    add_blocks<FormatQ8_0>(k, QuantType::kQ8_0);
    add_blocks<FormatQ2_K>(k, QuantType::kQ2_K);
    add_blocks<FormatQ3_K>(k, QuantType::kQ3_K);
    add_blocks<FormatQ4_K>(k, QuantType::kQ4_K);
    add_blocks<FormatQ5_K>(k, QuantType::kQ5_K);
    add_blocks<FormatQ6_K>(k, QuantType::kQ6_K);
    add_blocks<FormatIQ4_NL>(k, QuantType::kIQ4_NL);
    add_blocks<FormatIQ4_XS>(k, QuantType::kIQ4_XS);
    add_blocks<FormatMXFP4>(k, QuantType::kMXFP4);
    add_blocks<FormatTQ2_0>(k, QuantType::kTQ2_0);
    k.pack = pack;
    k.gemm = gemm;
    k.pack_pairs = pack_pairs;
    k.pairs_chunk_bytes = kPairsChunkBytes;
    k.attend = attend;
    k.norm = norm;
    add_activation<Silu>(k, 0);
    add_activation<GeluTanh>(k, 1);
    add_activation<Gelu>(k, 2);
    add_activation<ReluSquared>(k, 3);
    k.add_scaled = add_scaled;
    k.softcap = softcap;
    k.to_f16 = to_f16;
    return k;
}

}  // namespace
}  // namespace airframe::cpu
