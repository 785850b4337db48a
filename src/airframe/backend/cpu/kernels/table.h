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

// Calls visit.operator()<Format>(type) for each block format that kernels know.
template <class Visit>
constexpr void for_block_formats(Visit visit) {
    visit.template operator()<FormatQ4_0>(QuantType::kQ4_0);
    visit.template operator()<FormatQ4_1>(QuantType::kQ4_1);
    visit.template operator()<FormatQ5_0>(QuantType::kQ5_0);
    visit.template operator()<FormatQ5_1>(QuantType::kQ5_1);
    visit.template operator()<FormatQ8_0>(QuantType::kQ8_0);
    visit.template operator()<FormatQ2_K>(QuantType::kQ2_K);
    visit.template operator()<FormatQ3_K>(QuantType::kQ3_K);
    visit.template operator()<FormatQ4_K>(QuantType::kQ4_K);
    visit.template operator()<FormatQ5_K>(QuantType::kQ5_K);
    visit.template operator()<FormatQ6_K>(QuantType::kQ6_K);
    visit.template operator()<FormatIQ4_NL>(QuantType::kIQ4_NL);
    visit.template operator()<FormatIQ4_XS>(QuantType::kIQ4_XS);
    visit.template operator()<FormatMXFP4>(QuantType::kMXFP4);
    visit.template operator()<FormatTQ2_0>(QuantType::kTQ2_0);
}

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

constexpr Kernels make_kernels(const char* name, FewRows few_rows) {
    Kernels k{};
    k.name = name;
    k.token_block = kTokenBlock;
    k.panel_rows = kPanelRows;
    k.few_rows = few_rows;
    k.quantize = quantize;
    add_floats<FloatsF32>(k, QuantType::kF32);
    add_floats<FloatsF16>(k, QuantType::kF16);
    add_floats<FloatsBF16>(k, QuantType::kBF16);
    for_block_formats([&]<class Format>(QuantType type) { add_blocks<Format>(k, type); });
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
