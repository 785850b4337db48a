// The table of formats and the rows built over their blocks.
#include "airframe/quant/quant.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "airframe/quant/codecs.h"
#include "airframe/quant/f16.h"
#include "base/check.h"

namespace airframe {
namespace {

template <class Block>
void decode_row(const std::byte* bytes, float* out, int64_t n) {
    const auto* blocks = reinterpret_cast<const Block*>(bytes);
    for (int64_t b = 0; b < n / Block::kElems; ++b) decode(blocks[b], out + b * Block::kElems);
}

void decode_f32_row(const std::byte* bytes, float* out, int64_t n) {
    std::memcpy(out, bytes, static_cast<size_t>(n) * sizeof(float));
}

template <float (*kConvert)(uint16_t)>
void decode_short_row(const std::byte* bytes, float* out, int64_t n) {
    const auto* in = reinterpret_cast<const uint16_t*>(bytes);
    for (int64_t i = 0; i < n; ++i) out[i] = kConvert(in[i]);
}

void encode_f32_row(const float* in, std::byte* bytes, int64_t n) {
    std::memcpy(bytes, in, static_cast<size_t>(n) * sizeof(float));
}

template <uint16_t (*kConvert)(float)>
void encode_short_row(const float* in, std::byte* bytes, int64_t n) {
    auto* out = reinterpret_cast<uint16_t*>(bytes);
    for (int64_t i = 0; i < n; ++i) out[i] = kConvert(in[i]);
}

template <class Block>
void encode_row(const float* in, std::byte* bytes, int64_t n) {
    auto* blocks = reinterpret_cast<Block*>(bytes);
    for (int64_t b = 0; b < n / Block::kElems; ++b) encode(in + b * Block::kElems, blocks[b]);
}

template <class Block>
constexpr QuantTraits both_ways(QuantType type, std::string_view name) {
    return {type, name, Block::kElems, sizeof(Block), decode_row<Block>, encode_row<Block>};
}

// A format that can only be read.
template <class Block>
constexpr QuantTraits decoded(QuantType type, std::string_view name) {
    return {type, name, Block::kElems, sizeof(Block), decode_row<Block>, nullptr};
}

// Numbers that are not weights: known by their size only.
constexpr QuantTraits sized(QuantType type, std::string_view name, int64_t bytes) {
    return {type, name, 1, bytes, nullptr, nullptr};
}

constexpr std::array kQuants = std::to_array<QuantTraits>({
    {QuantType::kF32, "F32", 1, 4, decode_f32_row, encode_f32_row},
    {QuantType::kF16, "F16", 1, 2, decode_short_row<f32_from_f16>, encode_short_row<f16_from_f32>},
    both_ways<BlockQ4_0>(QuantType::kQ4_0, "Q4_0"),
    both_ways<BlockQ4_1>(QuantType::kQ4_1, "Q4_1"),
    both_ways<BlockQ5_0>(QuantType::kQ5_0, "Q5_0"),
    both_ways<BlockQ5_1>(QuantType::kQ5_1, "Q5_1"),
    both_ways<BlockQ8_0>(QuantType::kQ8_0, "Q8_0"),
    both_ways<BlockQ2_K>(QuantType::kQ2_K, "Q2_K"),
    both_ways<BlockQ3_K>(QuantType::kQ3_K, "Q3_K"),
    both_ways<BlockQ4_K>(QuantType::kQ4_K, "Q4_K"),
    both_ways<BlockQ5_K>(QuantType::kQ5_K, "Q5_K"),
    both_ways<BlockQ6_K>(QuantType::kQ6_K, "Q6_K"),
    both_ways<BlockQ8_K>(QuantType::kQ8_K, "Q8_K"),
    decoded<BlockIQ2_XXS>(QuantType::kIQ2_XXS, "IQ2_XXS"),
    decoded<BlockIQ2_XS>(QuantType::kIQ2_XS, "IQ2_XS"),
    decoded<BlockIQ3_XXS>(QuantType::kIQ3_XXS, "IQ3_XXS"),
    decoded<BlockIQ1_S>(QuantType::kIQ1_S, "IQ1_S"),
    both_ways<BlockIQ4_NL>(QuantType::kIQ4_NL, "IQ4_NL"),
    decoded<BlockIQ3_S>(QuantType::kIQ3_S, "IQ3_S"),
    decoded<BlockIQ2_S>(QuantType::kIQ2_S, "IQ2_S"),
    both_ways<BlockIQ4_XS>(QuantType::kIQ4_XS, "IQ4_XS"),
    sized(QuantType::kI8, "I8", 1),
    sized(QuantType::kI16, "I16", 2),
    sized(QuantType::kI32, "I32", 4),
    sized(QuantType::kI64, "I64", 8),
    sized(QuantType::kF64, "F64", 8),
    decoded<BlockIQ1_M>(QuantType::kIQ1_M, "IQ1_M"),
    {QuantType::kBF16, "BF16", 1, 2, decode_short_row<f32_from_bf16>, encode_short_row<bf16_from_f32>},
    both_ways<BlockTQ1_0>(QuantType::kTQ1_0, "TQ1_0"),
    both_ways<BlockTQ2_0>(QuantType::kTQ2_0, "TQ2_0"),
    both_ways<BlockMXFP4>(QuantType::kMXFP4, "MXFP4"),
});
static_assert(std::ranges::is_sorted(kQuants, {}, &QuantTraits::type));

constexpr uint32_t kIds = static_cast<uint32_t>(kQuants.back().type) + 1;

// Type number -> place in kQuants, or -1.
constexpr std::array<int8_t, kIds> kPlaceOfId = [] {
    std::array<int8_t, kIds> places;
    places.fill(-1);
    for (size_t i = 0; i < kQuants.size(); ++i)
        places[static_cast<uint32_t>(kQuants[i].type)] = static_cast<int8_t>(i);
    return places;
}();

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::span<const QuantTraits> all_quants() { return kQuants; }

const QuantTraits* find_quant(uint32_t ggml_id) {
    if (ggml_id >= kIds || kPlaceOfId[ggml_id] < 0) return nullptr;
    return &kQuants[static_cast<size_t>(kPlaceOfId[ggml_id])];
}

const QuantTraits* find_quant(std::string_view name) {
    for (const QuantTraits& quant : kQuants)
        if (std::ranges::equal(quant.name, name, {}, lower, lower)) return &quant;
    return nullptr;
}

const QuantTraits& traits(QuantType type) {
    const QuantTraits* found = find_quant(static_cast<uint32_t>(type));
    CHECK(found != nullptr, "no such type: {}", static_cast<uint32_t>(type));
    return *found;
}

}  // namespace airframe
