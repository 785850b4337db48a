#include "airframe/model/quant_mix.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string>
#include <vector>

namespace airframe {
namespace {

using enum QuantType;

// The rules and file_type numbers are those of the mixes that are in circulation: attention values and the
// feed-forward's way back get more bits, the head most.
constexpr MixRule kRulesQ2K[] = {{"output", MixWhen::kAlways, kQ6_K},
                                 {"attn_v", MixWhen::kAlways, kQ4_K},
                                 {"attn_qkv", MixWhen::kAlways, kQ4_K},
                                 {"attn_output", MixWhen::kAlways, kQ3_K},
                                 {"ffn_down", MixWhen::kAlways, kQ3_K}};
constexpr MixRule kRulesQ3KM[] = {
    {"output", MixWhen::kAlways, kQ6_K},      {"attn_v", MixWhen::kFirstTwo, kQ5_K},
    {"attn_v", MixWhen::kAlways, kQ4_K},      {"attn_qkv", MixWhen::kAlways, kQ4_K},
    {"attn_output", MixWhen::kAlways, kQ4_K}, {"ffn_down", MixWhen::kMoreBits, kQ4_K}};
constexpr MixRule kRulesQ4KS[] = {{"output", MixWhen::kAlways, kQ6_K},
                                  {"attn_v", MixWhen::kFirstEighth, kQ5_K},
                                  {"ffn_down", MixWhen::kFirstEighth, kQ5_K}};
constexpr MixRule kRulesQ4KM[] = {{"output", MixWhen::kAlways, kQ6_K},
                                  {"attn_v", MixWhen::kMoreBits, kQ6_K},
                                  {"attn_qkv", MixWhen::kAlways, kQ5_K},
                                  {"ffn_down", MixWhen::kMoreBits, kQ6_K}};
constexpr MixRule kRulesQ5KM[] = {{"output", MixWhen::kAlways, kQ6_K},
                                  {"attn_v", MixWhen::kMoreBits, kQ6_K},
                                  {"attn_qkv", MixWhen::kAlways, kQ6_K},
                                  {"ffn_down", MixWhen::kMoreBits, kQ6_K}};
constexpr MixRule kRulesHeadQ6K[] = {{"output", MixWhen::kAlways, kQ6_K}};

constexpr QuantMix kMixes[] = {
    {"F32", 0, kF32, {}},
    {"F16", 1, kF16, {}},
    {"BF16", 32, kBF16, {}},
    {"Q4_0", 2, kQ4_0, kRulesHeadQ6K},
    {"Q4_1", 3, kQ4_1, kRulesHeadQ6K},
    {"Q5_0", 8, kQ5_0, kRulesHeadQ6K},
    {"Q5_1", 9, kQ5_1, kRulesHeadQ6K},
    {"Q8_0", 7, kQ8_0, {}},
    {"Q2_K", 10, kQ2_K, kRulesQ2K},
    {"Q3_K", 12, kQ3_K, kRulesQ3KM},
    {"Q3_K_S", 11, kQ3_K, kRulesHeadQ6K},
    {"Q3_K_M", 12, kQ3_K, kRulesQ3KM},
    {"Q4_K", 15, kQ4_K, kRulesQ4KM},
    {"Q4_K_S", 14, kQ4_K, kRulesQ4KS},
    {"Q4_K_M", 15, kQ4_K, kRulesQ4KM},
    {"Q5_K", 17, kQ5_K, kRulesQ5KM},
    {"Q5_K_S", 16, kQ5_K, kRulesHeadQ6K},
    {"Q5_K_M", 17, kQ5_K, kRulesQ5KM},
    {"Q6_K", 18, kQ6_K, {}},
    {"IQ1_S", 24, kIQ1_S, kRulesHeadQ6K},
    {"IQ1_M", 31, kIQ1_M, kRulesHeadQ6K},
    {"IQ2_XXS", 19, kIQ2_XXS, kRulesHeadQ6K},
    {"IQ2_XS", 20, kIQ2_XS, kRulesHeadQ6K},
    {"IQ2_S", 28, kIQ2_S, kRulesHeadQ6K},
    {"IQ3_XXS", 23, kIQ3_XXS, kRulesHeadQ6K},
    {"IQ3_S", 26, kIQ3_S, kRulesHeadQ6K},
    {"IQ4_NL", 25, kIQ4_NL, kRulesHeadQ6K},
    {"IQ4_XS", 30, kIQ4_XS, kRulesHeadQ6K},
    {"TQ1_0", 36, kTQ1_0, kRulesHeadQ6K},
    {"TQ2_0", 37, kTQ2_0, kRulesHeadQ6K},
    {"MXFP4", 38, kMXFP4, kRulesHeadQ6K},
};

// Formats with blocks of 32 that take the place of formats with blocks of 256.
struct Fallback {
    QuantType from, to;
};
constexpr Fallback kFallbacks[] = {
    {kQ2_K, kQ4_0},      {kQ3_K, kQ4_0},    {kQ4_K, kQ5_0},      {kQ5_K, kQ5_1},     {kQ6_K, kQ8_0},
    {kIQ1_S, kIQ4_NL},   {kIQ1_M, kIQ4_NL}, {kIQ2_XXS, kIQ4_NL}, {kIQ2_XS, kIQ4_NL}, {kIQ2_S, kIQ4_NL},
    {kIQ3_XXS, kIQ4_NL}, {kIQ3_S, kIQ4_NL}, {kIQ4_XS, kIQ4_NL},  {kTQ1_0, kQ4_0},    {kTQ2_0, kQ4_0}};

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::ranges::equal(
        a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// "blk.12.ffn_down.weight" -> 12, "ffn_down"; layer -1 outside of layers.
struct NameParts {
    int64_t layer = -1;
    std::string_view stem;
};
NameParts split_name(std::string_view name) {
    NameParts parts;
    if (name.ends_with(".weight")) name.remove_suffix(std::string_view(".weight").size());
    if (name.starts_with("blk.")) {
        name.remove_prefix(4);
        const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), parts.layer);
        if (error == std::errc() && end != name.data() + name.size())
            name.remove_prefix(static_cast<size_t>(end - name.data()) + 1);
    }
    parts.stem = name.ends_with("_exps") ? name.substr(0, name.size() - 5) : name;
    return parts;
}

bool applies(MixWhen when, int64_t layer, int64_t n_layers) {
    switch (when) {
        case MixWhen::kAlways:
            return true;
        case MixWhen::kFirstTwo:
            return layer < 2;
        case MixWhen::kFirstEighth:
            return layer < n_layers / 8;
        case MixWhen::kMoreBits:
            return layer < n_layers / 8 || layer >= 7 * n_layers / 8 || (layer - n_layers / 8) % 3 == 2;
    }
    return false;
}

QuantType that_fits(QuantType wanted, int64_t cols) {
    if (cols % traits(wanted).block_elems == 0) return wanted;
    for (const Fallback& fallback : kFallbacks)
        if (fallback.from == wanted && cols % traits(fallback.to).block_elems == 0) return fallback.to;
    return kF16;
}

}  // namespace

std::span<const QuantMix> all_mixes() { return kMixes; }

bool can_encode(const QuantMix& mix) { return traits(mix.base).quantize_row != nullptr; }

base::Result<const QuantMix*> find_mix(std::string_view name) {
    for (const QuantMix& mix : kMixes)
        if (equal_ignoring_case(mix.name, name)) return &mix;
    std::vector<std::string_view> names;
    for (const QuantMix& mix : kMixes) names.push_back(mix.name);
    return base::fail(base::ErrorCode::kInvalidArgument, "\"{}\" is no known type or mix; known are {}", name,
                      fmt::join(names, ", "));
}

QuantType mixed_type(const QuantMix& mix, const MixTensor& tensor) {
    const NameParts parts = split_name(tensor.name);
    const bool matrix = tensor.n_dims >= 2 && tensor.name.ends_with(".weight");
    if (!matrix || parts.stem == "ffn_gate_inp" || parts.stem == "position_embd") return kF32;
    const std::string_view stem = tensor.tied_head && parts.stem == "token_embd" ? "output" : parts.stem;
    for (const MixRule& rule : mix.rules)
        if (rule.tensor == stem && applies(rule.when, parts.layer, tensor.n_layers))
            return that_fits(rule.type, tensor.cols);
    return that_fits(mix.base, tensor.cols);
}

}  // namespace airframe
