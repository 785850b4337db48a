#include "airframe/model/model_shape.h"

#include <fmt/ranges.h>

namespace airframe {
namespace {

// From the models' published configurations.
constexpr ModelShape kShapes[] = {
    {.name = "tinyllama-1.1b",
     .family = "llama",
     .n_layers = 22,
     .dim = 2048,
     .n_heads = 32,
     .n_kv_heads = 4,
     .head_dim = 64,
     .ffn_dim = 5632,
     .vocab = 32000,
     .ctx_tokens = 2048},
    {.name = "smollm2-135m",
     .family = "llama",
     .n_layers = 30,
     .dim = 576,
     .n_heads = 9,
     .n_kv_heads = 3,
     .head_dim = 64,
     .ffn_dim = 1536,
     .vocab = 49152,
     .ctx_tokens = 8192,
     .rope_base = 1e5f,
     .tied = true},
    {.name = "llama-3.2-1b",
     .family = "llama",
     .n_layers = 16,
     .dim = 2048,
     .n_heads = 32,
     .n_kv_heads = 8,
     .head_dim = 64,
     .ffn_dim = 8192,
     .vocab = 128256,
     .ctx_tokens = 131072,
     .rope_base = 5e5f,
     .tied = true,
     .rope_factors = true},
    {.name = "llama-3.2-3b",
     .family = "llama",
     .n_layers = 28,
     .dim = 3072,
     .n_heads = 24,
     .n_kv_heads = 8,
     .head_dim = 128,
     .ffn_dim = 8192,
     .vocab = 128256,
     .ctx_tokens = 131072,
     .rope_base = 5e5f,
     .tied = true,
     .rope_factors = true},
    {.name = "llama-3-8b",
     .family = "llama",
     .n_layers = 32,
     .dim = 4096,
     .n_heads = 32,
     .n_kv_heads = 8,
     .head_dim = 128,
     .ffn_dim = 14336,
     .vocab = 128256,
     .ctx_tokens = 8192,
     .rope_base = 5e5f},
    {.name = "mixtral-tiny",
     .family = "llama",
     .n_layers = 12,
     .dim = 1024,
     .n_heads = 16,
     .n_kv_heads = 4,
     .head_dim = 64,
     .ffn_dim = 3584,
     .vocab = 32000,
     .ctx_tokens = 32768,
     .rope_base = 1e6f,
     .n_experts = 8,
     .n_active = 2},
    {.name = "phi-2",
     .family = "phi2",
     .n_layers = 32,
     .dim = 2560,
     .n_heads = 32,
     .n_kv_heads = 32,
     .head_dim = 80,
     .ffn_dim = 10240,
     .vocab = 51200,
     .ctx_tokens = 2048,
     .rope_dims = 32,
     .layer_norm = true,
     .gated = false,
     .fused_qkv = true,
     .qkv_bias = true,
     .other_bias = true,
     .head_bias = true,
     .one_norm = true},
    {.name = "phi-3.5-mini",
     .family = "phi3",
     .n_layers = 32,
     .dim = 3072,
     .n_heads = 32,
     .n_kv_heads = 32,
     .head_dim = 96,
     .ffn_dim = 8192,
     .vocab = 32064,
     .ctx_tokens = 131072,
     .fused_qkv = true,
     .fused_gate_up = true,
     .long_rope = true},
    {.name = "gemma-2-2b",
     .family = "gemma2",
     .n_layers = 26,
     .dim = 2304,
     .n_heads = 8,
     .n_kv_heads = 4,
     .head_dim = 256,
     .ffn_dim = 9216,
     .vocab = 256000,
     .ctx_tokens = 8192,
     .window = 4096,
     .attn_softcap = 50,
     .logit_softcap = 30,
     .tied = true,
     .post_norms = true},
    {.name = "starcoder2-3b",
     .family = "starcoder2",
     .n_layers = 30,
     .dim = 3072,
     .n_heads = 24,
     .n_kv_heads = 2,
     .head_dim = 128,
     .ffn_dim = 12288,
     .vocab = 49152,
     .ctx_tokens = 16384,
     .rope_base = 999999.4f,
     .layer_norm = true,
     .gated = false,
     .tied = true,
     .qkv_bias = true,
     .other_bias = true},
    {.name = "gpt2",
     .family = "gpt2",
     .n_layers = 12,
     .dim = 768,
     .n_heads = 12,
     .n_kv_heads = 12,
     .head_dim = 64,
     .ffn_dim = 3072,
     .vocab = 50257,
     .ctx_tokens = 1024,
     .layer_norm = true,
     .gated = false,
     .tied = true,
     .fused_qkv = true,
     .qkv_bias = true,
     .other_bias = true,
     .learned_positions = true},
    {.name = "qwen2-7b",
     .family = "qwen2",
     .n_layers = 28,
     .dim = 3584,
     .n_heads = 28,
     .n_kv_heads = 4,
     .head_dim = 128,
     .ffn_dim = 18944,
     .vocab = 152064,
     .ctx_tokens = 32768,
     .rope_base = 1e6f,
     .qkv_bias = true},
    {.name = "qwen3-0.6b",
     .family = "qwen3",
     .n_layers = 28,
     .dim = 1024,
     .n_heads = 16,
     .n_kv_heads = 8,
     .head_dim = 128,
     .ffn_dim = 3072,
     .vocab = 151936,
     .ctx_tokens = 40960,
     .rope_base = 1e6f,
     .tied = true,
     .qk_norm = true},
    {.name = "mistral-7b",
     .family = "llama",
     .n_layers = 32,
     .dim = 4096,
     .n_heads = 32,
     .n_kv_heads = 8,
     .head_dim = 128,
     .ffn_dim = 14336,
     .vocab = 32768,
     .ctx_tokens = 32768,
     .rope_base = 1e6f},
    {.name = "gemma-3-1b",
     .family = "gemma3",
     .n_layers = 26,
     .dim = 1152,
     .n_heads = 4,
     .n_kv_heads = 1,
     .head_dim = 256,
     .ffn_dim = 6912,
     .vocab = 262144,
     .ctx_tokens = 32768,
     .rope_base = 1e6f,
     .window = 512,
     .tied = true,
     .post_norms = true,
     .qk_norm = true},
    {.name = "qwen3-30b-a3b",
     .family = "qwen3moe",
     .n_layers = 48,
     .dim = 2048,
     .n_heads = 32,
     .n_kv_heads = 4,
     .head_dim = 128,
     .ffn_dim = 768,  // of an expert; there is no dense layer
     .vocab = 151936,
     .ctx_tokens = 40960,
     .rope_base = 1e6f,
     .n_experts = 128,
     .n_active = 8,
     .qk_norm = true},
};

class TensorList {
  public:
    explicit TensorList(const ModelShape& shape) : shape_(shape) {}

    void matrix(const std::string& name, int64_t rows, int64_t cols, bool bias = false) {
        list_.push_back({name + ".weight", {cols, rows}, TensorFill::kMatrix});
        if (bias) list_.push_back({name + ".bias", {rows}, TensorFill::kBias});
    }
    void experts(const std::string& name, int64_t rows, int64_t cols) {
        list_.push_back({name + ".weight", {cols, rows, shape_.n_experts}, TensorFill::kMatrix});
    }
    void norm(const std::string& name, int64_t n) {
        list_.push_back({name + ".weight", {n}, TensorFill::kGain});
        if (shape_.layer_norm) list_.push_back({name + ".bias", {n}, TensorFill::kBias});
    }
    void factors(const std::string& name, int64_t n) { list_.push_back({name, {n}, TensorFill::kFactors}); }

    void attention(const std::string& prefix) {
        const int64_t q = int64_t{shape_.n_heads} * shape_.head_dim,
                      kv = int64_t{shape_.n_kv_heads} * shape_.head_dim;
        if (shape_.fused_qkv) {
            matrix(prefix + "attn_qkv", q + 2 * kv, shape_.dim, shape_.qkv_bias);
        } else {
            matrix(prefix + "attn_q", q, shape_.dim, shape_.qkv_bias);
            matrix(prefix + "attn_k", kv, shape_.dim, shape_.qkv_bias);
            matrix(prefix + "attn_v", kv, shape_.dim, shape_.qkv_bias);
        }
        if (shape_.qk_norm) {
            norm(prefix + "attn_q_norm", shape_.head_dim);
            norm(prefix + "attn_k_norm", shape_.head_dim);
        }
        matrix(prefix + "attn_output", shape_.dim, q, shape_.other_bias);
        if (shape_.post_norms) norm(prefix + "post_attention_norm", shape_.dim);
    }

    void feed_forward(const std::string& prefix) {
        const int64_t dim = shape_.dim, ffn = shape_.ffn_dim;
        if (!shape_.one_norm) norm(prefix + "ffn_norm", dim);
        if (shape_.n_experts > 0) {
            matrix(prefix + "ffn_gate_inp", shape_.n_experts, dim);
            experts(prefix + "ffn_gate_exps", ffn, dim);
            experts(prefix + "ffn_up_exps", ffn, dim);
            experts(prefix + "ffn_down_exps", dim, ffn);
        } else {
            if (shape_.gated && !shape_.fused_gate_up) matrix(prefix + "ffn_gate", ffn, dim);
            matrix(prefix + "ffn_up", shape_.fused_gate_up ? 2 * ffn : ffn, dim, shape_.other_bias);
            matrix(prefix + "ffn_down", dim, ffn, shape_.other_bias);
        }
        if (shape_.post_norms) norm(prefix + "post_ffw_norm", dim);
    }

    std::vector<ShapeTensor> take() { return std::move(list_); }

  private:
    const ModelShape& shape_;
    std::vector<ShapeTensor> list_;
};

}  // namespace

std::span<const ModelShape> all_shapes() { return kShapes; }

base::Result<const ModelShape*> find_shape(std::string_view name) {
    std::vector<std::string_view> names;
    for (const ModelShape& shape : kShapes) {
        if (shape.name == name) return &shape;
        names.push_back(shape.name);
    }
    return base::fail(base::ErrorCode::kInvalidArgument, "\"{}\" is no known shape; known are {}", name,
                      fmt::join(names, ", "));
}

std::vector<ShapeTensor> tensors_of(const ModelShape& shape) {
    TensorList list(shape);
    const uint32_t pairs = (shape.rope_dims > 0 ? shape.rope_dims : shape.head_dim) / 2;
    list.matrix("token_embd", shape.vocab, shape.dim);
    if (shape.learned_positions) list.matrix("position_embd", shape.ctx_tokens, shape.dim);
    if (shape.rope_factors) list.factors("rope_freqs.weight", pairs);
    if (shape.long_rope) {
        list.factors("rope_factors_long.weight", pairs);
        list.factors("rope_factors_short.weight", pairs);
    }
    for (uint32_t i = 0; i < shape.n_layers; ++i) {
        const std::string prefix = fmt::format("blk.{}.", i);
        list.norm(prefix + "attn_norm", shape.dim);
        list.attention(prefix);
        list.feed_forward(prefix);
    }
    list.norm("output_norm", shape.dim);
    if (!shape.tied) list.matrix("output", shape.vocab, shape.dim, shape.head_bias);
    return list.take();
}

}  // namespace airframe
