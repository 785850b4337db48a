#include "airframe/model/spec.h"

#include <fmt/ranges.h>

#include <cmath>
#include <limits>

#include "airframe/model/family.h"
#include "airframe/model/keys.h"
#include "base/log.h"

namespace airframe {
namespace {

using base::ErrorCode;
using base::fail;
using base::Result;

// Far above every known model, far below what would overflow a product of two of them.
constexpr uint32_t kLayersMax = 4096;
constexpr uint32_t kDimMax = 1u << 20;
constexpr uint32_t kHeadsMax = 1u << 16;
constexpr uint32_t kExpertsMax = 4096;
constexpr uint32_t kContextMax = std::numeric_limits<int32_t>::max();
constexpr double kHuge = 1e30;

Result<const Family*> family_of(const Metadata& metadata) {
    TRY(const auto architecture, metadata.get_string("general.architecture"));
    if (!architecture) return fail(ErrorCode::kBadFile, "the metadata key general.architecture is missing");
    if (const Family* family = find_family(*architecture)) return family;
    std::vector<std::string_view> known;
    for (const Family& family : all_families()) known.push_back(family.name);
    return fail(ErrorCode::kUnsupported, "the architecture \"{}\" is not supported; supported are {}",
                base::printable(*architecture, 64), fmt::join(known, ", "));
}

Result<void> read_norm(const Keys& keys, ModelSpec& spec) {
    TRY(const auto rms, keys.number("attention.layer_norm_rms_epsilon", 0, 1));
    TRY(const auto layer, keys.number("attention.layer_norm_epsilon", 0, 1));
    if (!rms && !layer)
        return fail(ErrorCode::kBadFile, "the metadata key {} is missing (and {} too)",
                    keys.full("attention.layer_norm_rms_epsilon"), keys.full("attention.layer_norm_epsilon"));
    spec.norm.kind = rms ? NormKind::kRms : NormKind::kLayer;
    spec.norm.eps = rms ? *rms : *layer;
    return {};
}

// Which layers have a window: by the key's list of flags, by its period, else by the family's period.
Result<void> read_windows(const Keys& keys, const Family& family, ModelSpec& spec) {
    TRY(const uint32_t window,
        keys.count_or("attention.sliding_window", 0, kContextMax, family.window_default));
    auto& windows = spec.attn.window;
    windows.assign(spec.n_layers, 0);
    if (family.window_period == 0) return {};
    constexpr auto kPattern = "attention.sliding_window_pattern";
    TRY(const auto flags, keys.flags(kPattern));
    if (!flags.empty()) {
        if (flags.size() != spec.n_layers)
            return fail(ErrorCode::kBadFile, "{} has {} entries, expected one for each of {} layers",
                        keys.full(kPattern), flags.size(), spec.n_layers);
        for (uint32_t i = 0; i < spec.n_layers; ++i) windows[i] = flags[i] != 0 ? window : 0;
        return {};
    }
    TRY(const uint32_t period, keys.count_or(kPattern, 1, kLayersMax, family.window_period));
    for (uint32_t i = 0; i < spec.n_layers; ++i)
        if (period == 1 || (i + 1) % period != 0) windows[i] = window;
    return {};
}

Result<void> read_attention(const Keys& keys, const Family& family, ModelSpec& spec) {
    auto& attn = spec.attn;
    TRY(attn.n_heads, keys.need_count("attention.head_count", 1, kHeadsMax));
    TRY(attn.n_kv_heads, keys.count_or("attention.head_count_kv", 1, kHeadsMax, attn.n_heads));
    if (attn.n_heads % attn.n_kv_heads != 0)
        return fail(ErrorCode::kBadFile, "{} is {}, which does not divide {} = {}",
                    keys.full("attention.head_count_kv"), attn.n_kv_heads, keys.full("attention.head_count"),
                    attn.n_heads);
    TRY(const auto key_length, keys.count("attention.key_length", 1, kDimMax));
    if (!key_length && spec.dim % attn.n_heads != 0)
        return fail(ErrorCode::kBadFile, "{} is {}, which does not divide {} = {}",
                    keys.full("attention.head_count"), attn.n_heads, keys.full("embedding_length"), spec.dim);
    attn.head_dim_k = key_length.value_or(spec.dim / attn.n_heads);
    TRY(attn.head_dim_v, keys.count_or("attention.value_length", 1, kDimMax, attn.head_dim_k));
    const bool by_dim = family.attn_scale_by_dim_layers == spec.n_layers;
    const float scale_dim = by_dim ? static_cast<float>(spec.dim) / static_cast<float>(attn.n_heads)
                                   : static_cast<float>(attn.head_dim_k);
    TRY(attn.scale, keys.number_or("attention.scale", 0, kHuge, 0));
    if (attn.scale == 0) attn.scale = 1.0f / std::sqrt(scale_dim);
    TRY(attn.softcap, keys.number_or("attn_logit_softcapping", 0, kHuge, family.attn_softcap_default));

    return read_windows(keys, family, spec);
}

Result<void> read_rope_scaling(const Keys& keys, ModelSpec& spec) {
    auto& rope = spec.rope;
    TRY(const auto kind, keys.text("rope.scaling.type"));
    TRY(rope.factor, keys.number_or("rope.scaling.factor", 0, 1e6, 0));
    if (rope.factor == 0) {
        TRY(const float linear, keys.number_or("rope.scale_linear", 0, 1e6, 1));  // the older spelling
        rope.factor = linear == 0 ? 1 : linear;
        if (rope.factor != 1 && !kind) rope.scaling = RopeScaling::kLinear;
    }
    if (kind == "linear") rope.scaling = RopeScaling::kLinear;
    if (kind == "yarn") rope.scaling = RopeScaling::kYarn;
    if (kind == "longrope") rope.scaling = RopeScaling::kLongRope;
    if (kind == "llama3") rope.scaling = RopeScaling::kLlama3;
    if (kind && *kind != "none" && rope.scaling == RopeScaling::kNone)
        return fail(ErrorCode::kUnsupported,
                    "{} is \"{}\"; known are none, linear, yarn, longrope and llama3",
                    keys.full("rope.scaling.type"), base::printable(*kind, 64));
    TRY(rope.ctx_original_tokens,
        keys.count_or("rope.scaling.original_context_length", 1, kContextMax, spec.ctx_train_tokens));
    TRY(rope.attn_factor, keys.number_or("rope.scaling.attn_factor", 0, 1e6, 0));
    TRY(rope.yarn_beta_fast, keys.number_or("rope.scaling.yarn_beta_fast", 0, 1e6, 32));
    TRY(rope.yarn_beta_slow, keys.number_or("rope.scaling.yarn_beta_slow", 0, 1e6, 1));
    TRY(rope.low_freq_factor, keys.number_or("rope.scaling.low_freq_factor", 1e-3, 1e6, 1));
    TRY(rope.high_freq_factor, keys.number_or("rope.scaling.high_freq_factor", 1e-3, 1e6, 4));
    if (rope.scaling == RopeScaling::kLlama3 && !(rope.high_freq_factor > rope.low_freq_factor))
        return fail(ErrorCode::kBadFile, "{} is {}, expected more than {} = {}",
                    keys.full("rope.scaling.high_freq_factor"), rope.high_freq_factor,
                    keys.full("rope.scaling.low_freq_factor"), rope.low_freq_factor);
    return {};
}

Result<void> read_rope(const Keys& keys, const Family& family, ModelSpec& spec) {
    auto& rope = spec.rope;
    rope.pairs = family.rope_pairs;
    rope.none_period = family.no_rope_period;
    if (rope.pairs == RopePairs::kNone) return {};
    TRY(rope.dims, keys.count_or("rope.dimension_count", 1, kDimMax, spec.attn.head_dim_k));
    if (rope.dims > spec.attn.head_dim_k || rope.dims % 2 != 0)
        return fail(ErrorCode::kBadFile,
                    "{} is {}, expected an even number of at most {} (the size of a head)",
                    keys.full("rope.dimension_count"), rope.dims, spec.attn.head_dim_k);
    TRY(rope.base, keys.number_or("rope.freq_base", 1e-3, kHuge, 10000));
    TRY(rope.base_local, keys.number_or("rope.freq_base_swa", 1e-3, kHuge, family.rope_base_local));
    return read_rope_scaling(keys, spec);
}

Result<void> read_experts(const Keys& keys, const Family& family, ModelSpec& spec) {
    auto& moe = spec.moe;
    TRY(moe.n_experts, keys.count_or("expert_count", 0, kExpertsMax, 0));
    if (moe.n_experts == 0) return {};
    TRY(moe.n_active, keys.need_count("expert_used_count", 1, moe.n_experts));
    TRY(moe.expert_dim, keys.count_or("expert_feed_forward_length", 1, kDimMax, spec.ffn.dim));
    TRY(moe.scale, keys.number_or("expert_weights_scale", 0, 1e6, 1));
    if (moe.scale == 0) moe.scale = 1;  // some converters write 0 for "none"
    TRY(const auto renormalize, keys.flag("expert_weights_norm"));
    moe.renormalize = renormalize.value_or(family.moe_renormalize);
    TRY(const uint32_t gating, keys.count_or("expert_gating_func", 0, 3, 0));  // 0 and 1: softmax, 2: sigmoid
    if (gating == 3)
        return fail(ErrorCode::kUnsupported, "{} is 3, which is not supported",
                    keys.full("expert_gating_func"));
    moe.gating = gating == 2 ? MoeGate::kSigmoid : MoeGate::kSoftmax;
    return {};
}

Result<void> read_ends(const Keys& keys, const Family& family, ModelSpec& spec) {
    auto& ends = spec.ends;
    const float by_family =
        family.embed_scale == EmbedScale::kSqrtDim ? std::sqrt(static_cast<float>(spec.dim)) : 1.0f;
    TRY(ends.embed_scale, keys.number_or("embedding_scale", -kHuge, kHuge, by_family));
    TRY(ends.residual_scale, keys.number_or("residual_scale", -kHuge, kHuge, 1));
    TRY(const float logit_scale, keys.number_or("logit_scale", -kHuge, kHuge, 1));
    if (logit_scale == 0) return fail(ErrorCode::kBadFile, "{} is 0", keys.full("logit_scale"));
    ends.logit_scale = family.logit_scale == LogitScale::kDivide ? 1 / logit_scale : logit_scale;
    TRY(ends.logit_softcap,
        keys.number_or("final_logit_softcapping", 0, kHuge, family.logit_softcap_default));
    return {};
}

Result<void> read_residual(const Keys& keys, const Family& family, const GgufFile& file, ModelSpec& spec) {
    TRY(const auto by_key, keys.flag("use_parallel_residual"));
    switch (family.residual) {
        case Residual::kSerial:
            break;
        case Residual::kParallel:
            spec.parallel_residual = true;
            break;
        case Residual::kByKey:
            spec.parallel_residual = by_key.value_or(true);
            break;
        case Residual::kByTensor:
            spec.parallel_residual = file.find_tensor("blk.0.ffn_norm.weight") == nullptr;
            break;
    }
    return {};
}

// The tensor that turns a row into one score: of a two-layer classifier or of a plain one.
bool has_rank_head(const GgufFile& file) {
    const TensorInfo* out = file.find_tensor("cls.output.weight");
    if (out == nullptr) out = file.find_tensor("cls.weight");
    return out != nullptr && out->dims[1] == 1;
}

Result<void> read_pooling(const Keys& keys, const Family& family, const GgufFile& file, ModelSpec& spec) {
    spec.encoder = family.encoder;
    spec.rank_head = family.encoder && has_rank_head(file);
    spec.pooling = family.encoder ? Pooling::kMean : Pooling::kLast;
    TRY(const uint32_t kind, keys.count_or("pooling_type", 0, 4, 0));  // 0: the file leaves it open
    if (kind == 1) spec.pooling = Pooling::kMean;
    if (kind == 2) spec.pooling = Pooling::kFirst;
    if (kind == 3) spec.pooling = Pooling::kLast;
    if (kind != 4) return {};
    if (!family.encoder)
        return fail(ErrorCode::kUnsupported, "{} is 4 (a rank head), which is not supported for {}",
                    keys.full("pooling_type"), family.name);
    if (!spec.rank_head)
        return fail(
            ErrorCode::kBadFile,
            "{} is 4 (a rank head), but there is no tensor cls.output.weight or cls.weight with one row",
            keys.full("pooling_type"));
    spec.pooling = Pooling::kRank;
    return {};
}

}  // namespace

Result<ModelSpec> derive_spec(const GgufFile& file) {
    const Metadata& metadata = file.metadata();
    TRY(const Family* family, family_of(metadata));
    const Keys keys(metadata, family->name);
    ModelSpec spec;
    spec.family = family->name;
    TRY(const auto name, metadata.get_string("general.name"));
    spec.name = name ? std::string(*name) : file.path().stem().string();

    TRY(spec.dim, keys.need_count("embedding_length", 1, kDimMax));
    TRY(spec.n_layers, keys.need_count("block_count", 1, kLayersMax));
    TRY(spec.ctx_train_tokens,
        keys.count_or("context_length", 1, std::numeric_limits<uint32_t>::max(), 2048));
    spec.ctx_train_tokens = std::min(spec.ctx_train_tokens, kContextMax);
    const TensorInfo* embedding = file.find_tensor("token_embd.weight");
    if (embedding == nullptr) return fail(ErrorCode::kBadFile, "the tensor token_embd.weight is missing");
    if (embedding->dims[1] < 1 || embedding->dims[1] > std::numeric_limits<int32_t>::max())
        return fail(ErrorCode::kBadFile, "token_embd.weight has {} rows", embedding->dims[1]);
    spec.vocab = static_cast<uint32_t>(embedding->dims[1]);
    const MetaValue* tokens = metadata.find("tokenizer.ggml.tokens");
    if (tokens != nullptr && tokens->count > spec.vocab)
        return fail(ErrorCode::kBadFile,
                    "tokenizer.ggml.tokens has {} entries, but token_embd.weight only {} rows", tokens->count,
                    spec.vocab);
    TRY_VOID(read_norm(keys, spec));
    TRY_VOID(read_attention(keys, *family, spec));
    TRY_VOID(read_rope(keys, *family, spec));
    spec.ffn.act = family->act;
    TRY(spec.ffn.dim, keys.count_or("feed_forward_length", 1, kDimMax, 4 * spec.dim));
    TRY_VOID(read_experts(keys, *family, spec));
    TRY_VOID(read_ends(keys, *family, spec));
    TRY_VOID(read_pooling(keys, *family, file, spec));
    TRY_VOID(read_residual(keys, *family, file, spec));
    return spec;
}

}  // namespace airframe
