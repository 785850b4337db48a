#include "airframe/model/weights.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "airframe/model/weight_check.h"
#include "base/log.h"
#include "base/system.h"
#include "base/thread_pool.h"

namespace airframe {
namespace {

using base::ErrorCode;
using base::fail;
using base::Result;

constexpr int64_t kSegmentsMax = 16;  // of published models: 1 or 2

std::string shape_text(const TensorInfo& tensor) {
    return fmt::format("[{}]", fmt::join(std::span(tensor.dims).first(tensor.n_dims), ", "));
}

// The type a tensor gets on a backend: its own where it can be, else 8 bits, which lose next to nothing of
// what fewer hold.
QuantType type_on(const Backend& backend, QuantType type) {
    const QuantTraits& t = traits(type);
    const bool convertible =
        t.dequantize_row != nullptr && t.block_elems % traits(QuantType::kQ8_0).block_elems == 0;
    return !backend.supports(type) && convertible ? QuantType::kQ8_0 : type;
}

class Loader {
  public:
    Loader(const GgufFile& file, const ModelSpec& spec, const WeightHomes& homes, Weights& out,
           const std::function<void(double)>& on_progress)
        : file_(file), spec_(spec), homes_(homes), out_(out), on_progress_(on_progress) {
        out_.bytes.resize(homes.backends.size());
    }

    bool has(const std::string& name) const { return file_.find_tensor(name) != nullptr; }

    // A matrix of [rows, cols] (for experts all of them stacked by rows). Errors: missing, misshapen.
    Result<Weight> matrix(const std::string& name, int64_t rows, int64_t cols) {
        return matrix_on(home(name), name, rows, cols);
    }
    Result<Weight> matrix_on(uint8_t home, const std::string& name, int64_t rows, int64_t cols) {
        Backend& backend = *homes_.backends[home];
        const TensorInfo* tensor = file_.find_tensor(name);
        if (tensor == nullptr) return fail(ErrorCode::kBadFile, "the tensor {} is missing", name);
        const int64_t tensor_rows = tensor->dims[1] * tensor->dims[2];
        if (tensor->dims[0] != cols || tensor_rows != rows || tensor->dims[3] != 1)
            return fail(ErrorCode::kBadFile,
                        "the tensor {} has the shape {}, expected rows of {} and {} of them", name,
                        shape_text(*tensor), cols, rows);
        const QuantType type = type_on(backend, tensor->type);
        if (!backend.supports(type))
            return fail(ErrorCode::kUnsupported,
                        "the tensor {} has the type {}, which the {} backend cannot use", name,
                        traits(tensor->type).name, backend.name());
        TRY_VOID(check_finite(*tensor, rows_to_check(cols)));
        std::span<const std::byte> blocks{tensor->data, tensor->bytes};
        if (type != tensor->type) blocks = requantise(*tensor, backend, rows * cols);
        TRY(auto buffer, backend.upload(blocks));
        if (backend.owns_memory() && type != tensor->type) out_.requantised.pop_back();
        out_.bytes[home] += blocks.size();
        loaded_bytes_ += tensor->bytes;
        if (on_progress_)
            on_progress_(std::min(
                1.0, static_cast<double>(loaded_bytes_) / static_cast<double>(file_.tensor_bytes())));
        const Weight weight{buffer.get(), 0, type, rows, cols};
        out_.buffers.push_back(std::move(buffer));
        return weight;
    }

    // All of a small tensor as f32, whatever the file stores it in: [rows, cols].
    Result<std::vector<float>> values(const std::string& name, int64_t rows, int64_t cols) {
        const TensorInfo* tensor = file_.find_tensor(name);
        if (tensor == nullptr) return fail(ErrorCode::kBadFile, "the tensor {} is missing", name);
        if (tensor->elements() != rows * cols || tensor->dims[0] != cols)
            return fail(ErrorCode::kBadFile, "the tensor {} has the shape {}, expected [{}]", name,
                        shape_text(*tensor),
                        rows == 1 ? fmt::to_string(cols) : fmt::format("{}, {}", cols, rows));
        const QuantTraits& type = traits(tensor->type);
        if (type.dequantize_row == nullptr || cols % type.block_elems != 0)
            return fail(ErrorCode::kUnsupported,
                        "the tensor {} has the type {}; a vector of numbers is needed", name, type.name);
        TRY_VOID(check_finite(*tensor, rows));
        std::vector<float> out(static_cast<size_t>(rows * cols));
        for (int64_t r = 0; r < rows; ++r)
            type.dequantize_row(tensor->data + r * row_bytes(tensor->type, cols), out.data() + r * cols,
                                cols);
        return out;
    }
    Result<std::vector<float>> values(const std::string& name, int64_t n) { return values(name, 1, n); }

    Result<Weight> vector(const std::string& name, int64_t n) {
        TRY(auto data, values(name, n));
        const auto& kept = out_.converted.emplace_back(std::move(data));
        const uint8_t at = home(name);
        TRY(auto buffer, homes_.backends[at]->upload(std::as_bytes(std::span(kept))));
        out_.bytes[at] += std::span(kept).size_bytes();
        const Weight weight{buffer.get(), 0, QuantType::kF32, 1, n};
        out_.buffers.push_back(std::move(buffer));
        return weight;
    }
    Result<Weight> vector_if_there(const std::string& name, int64_t n) {
        if (!has(name)) return Weight{};
        return vector(name, n);
    }

    Result<Norm> norm(const std::string& name, int64_t n) {
        Norm norm{.kind = spec_.norm.kind, .eps = spec_.norm.eps};
        TRY(norm.gain, vector(name + ".weight", n));
        TRY(norm.bias, vector_if_there(name + ".bias", n));
        return norm;
    }
    Result<Norm> norm_if_there(const std::string& name, int64_t n) {
        if (!has(name + ".weight")) return Norm{};
        return norm(name, n);
    }

    Result<Linear> linear(const std::string& name, int64_t rows, int64_t cols) {
        Linear made;
        TRY(made.weight, matrix(name + ".weight", rows, cols));
        TRY(made.bias, vector_if_there(name + ".bias", rows));
        return made;
    }
    Result<Linear> linear_if_there(const std::string& name, int64_t rows, int64_t cols) {
        if (!has(name + ".weight")) return Linear{};
        return linear(name, rows, cols);
    }

    Result<LayerWeights> layer(uint32_t index);
    Result<void> ends();

  private:
    uint8_t home(std::string_view name) const { return backend_of(homes_.placement, part_of(name)); }
    // The tensor's weights in the type it gets there; the first of each type is told.
    std::span<const std::byte> requantise(const TensorInfo& tensor, const Backend& backend, int64_t n);
    Result<void> attention(const std::string& prefix, LayerWeights& layer);
    Result<void> head_norms(const std::string& prefix, LayerWeights& layer);
    Result<void> dense_ffn(const std::string& prefix, LayerWeights& layer);
    Result<void> encoder_ends();
    Result<void> rank_head();
    Result<void> experts(const std::string& prefix, MoeWeights& moe);

    // So many that decoding them takes milliseconds, whatever the size of the file; of a small file all.
    int64_t rows_to_check(int64_t cols) const {
        constexpr int64_t kElements = 4 << 20;
        return kElements / static_cast<int64_t>(file_.tensors().size()) / cols + 2;
    }

    const GgufFile& file_;
    const ModelSpec& spec_;
    const WeightHomes homes_;
    Weights& out_;
    const std::function<void(double)>& on_progress_;
    uint64_t loaded_bytes_ = 0;
    std::set<QuantType> told_;
    std::unique_ptr<base::ThreadPool> threads_;  // made when something is converted
};

std::span<const std::byte> Loader::requantise(const TensorInfo& tensor, const Backend& backend, int64_t n) {
    const QuantType type = type_on(backend, tensor.type);
    const QuantTraits &from = traits(tensor.type), &to = traits(type);
    if (told_.insert(tensor.type).second)
        base::log_info("the {} backend has no {}: tensors of this type are converted to {}", backend.name(),
                       from.name, to.name);
    if (threads_ == nullptr) threads_ = std::make_unique<base::ThreadPool>(base::usable_cpus());
    constexpr int64_t kPiece = 1 << 14;  // elements at once: a multiple of every block
    auto& out = out_.requantised.emplace_back(static_cast<size_t>(row_bytes(type, n)));
    threads_->run([&](int part, int parts) {
        std::vector<float> values(kPiece);
        for (int64_t at = part * kPiece; at < n; at += parts * kPiece) {
            const int64_t count = std::min(kPiece, n - at);
            from.dequantize_row(tensor.data + row_bytes(tensor.type, at), values.data(), count);
            to.quantize_row(values.data(), out.data() + row_bytes(type, at), count);
        }
    });
    return out;
}

// Rows [first, first + rows) of a fused matrix: blocks run along rows, so this is only an offset.
Weight row_view(const Weight& whole, int64_t first, int64_t rows) {
    Weight view = whole;
    view.offset_bytes += static_cast<size_t>(first * row_bytes(whole.type, whole.cols));
    view.rows = rows;
    return view;
}
Linear rows_of(const Linear& whole, int64_t first, int64_t rows) {
    Linear part{row_view(whole.weight, first, rows), whole.bias};
    if (part.bias) {
        part.bias.offset_bytes += static_cast<size_t>(first) * sizeof(float);
        part.bias.cols = rows;
    }
    return part;
}

Result<void> Loader::attention(const std::string& prefix, LayerWeights& layer) {
    const int64_t dim = spec_.dim;
    const int64_t q_rows = int64_t{spec_.attn.n_heads} * spec_.attn.head_dim_k;
    const int64_t k_rows = int64_t{spec_.attn.n_kv_heads} * spec_.attn.head_dim_k;
    const int64_t v_rows = int64_t{spec_.attn.n_kv_heads} * spec_.attn.head_dim_v;
    if (has(prefix + "attn_qkv.weight")) {
        TRY(const Linear fused, linear(prefix + "attn_qkv", q_rows + k_rows + v_rows, dim));
        layer.q = rows_of(fused, 0, q_rows);
        layer.k = rows_of(fused, q_rows, k_rows);
        layer.v = rows_of(fused, q_rows + k_rows, v_rows);
    } else {
        TRY(layer.q, linear(prefix + "attn_q", q_rows, dim));
        TRY(layer.k, linear(prefix + "attn_k", k_rows, dim));
        TRY(layer.v, linear(prefix + "attn_v", v_rows, dim));
    }
    TRY(layer.o, linear(prefix + "attn_output", dim, int64_t{spec_.attn.n_heads} * spec_.attn.head_dim_v));
    return head_norms(prefix, layer);
}

Result<void> Loader::head_norms(const std::string& prefix, LayerWeights& layer) {
    // One gain for every head, or one as long as the whole row: the tensor's length tells.
    const auto length = [&](const std::string& name, int64_t whole_row) -> int64_t {
        const TensorInfo* tensor = file_.find_tensor(name);
        return tensor != nullptr && tensor->dims[0] == whole_row ? whole_row : spec_.attn.head_dim_k;
    };
    const int64_t q_row = int64_t{spec_.attn.n_heads} * spec_.attn.head_dim_k;
    const int64_t k_row = int64_t{spec_.attn.n_kv_heads} * spec_.attn.head_dim_k;
    TRY(layer.q_norm, norm_if_there(prefix + "attn_q_norm", length(prefix + "attn_q_norm.weight", q_row)));
    TRY(layer.k_norm, norm_if_there(prefix + "attn_k_norm", length(prefix + "attn_k_norm.weight", k_row)));
    return {};
}

Result<void> Loader::dense_ffn(const std::string& prefix, LayerWeights& layer) {
    const int64_t dim = spec_.dim, ffn = spec_.ffn.dim;
    const TensorInfo* up = file_.find_tensor(prefix + "ffn_up.weight");
    const bool gated = has(prefix + "ffn_gate.weight");
    if (!gated && up != nullptr &&
        up->dims[1] == 2 * ffn) {  // gate and up in one: the first half is the gate
        TRY(const Linear fused, linear(prefix + "ffn_up", 2 * ffn, dim));
        layer.gate = rows_of(fused, 0, ffn);
        layer.up = rows_of(fused, ffn, ffn);
    } else {
        TRY(layer.gate, linear_if_there(prefix + "ffn_gate", ffn, dim));
        TRY(layer.up, linear(prefix + "ffn_up", ffn, dim));
    }
    TRY(layer.down, linear(prefix + "ffn_down", dim, ffn));
    return {};
}

Result<void> Loader::experts(const std::string& prefix, MoeWeights& moe) {
    const int64_t dim = spec_.dim, n = spec_.moe.n_experts, hidden = spec_.moe.expert_dim;
    TRY(moe.router, linear(prefix + "ffn_gate_inp", n, dim));
    if (has(prefix + "ffn_gate.0.weight"))
        return fail(ErrorCode::kUnsupported,
                    "{}ffn_gate.0.weight: this file stores each expert by itself (a layout of early 2024); "
                    "convert the "
                    "model again with a current converter",
                    prefix);
    TRY(moe.gate, linear(prefix + "ffn_gate_exps", n * hidden, dim));
    TRY(moe.up, linear(prefix + "ffn_up_exps", n * hidden, dim));
    TRY(moe.down, linear(prefix + "ffn_down_exps", n * dim, hidden));
    const TensorInfo* shared = file_.find_tensor(prefix + "ffn_gate_shexp.weight");
    if (shared == nullptr) return {};
    const int64_t shared_dim = shared->dims[1];
    TRY(moe.shared_gate, linear(prefix + "ffn_gate_shexp", shared_dim, dim));
    TRY(moe.shared_up, linear(prefix + "ffn_up_shexp", shared_dim, dim));
    TRY(moe.shared_down, linear(prefix + "ffn_down_shexp", dim, shared_dim));
    TRY(moe.shared_router, vector_if_there(prefix + "ffn_gate_inp_shexp.weight", dim));
    return {};
}

Result<LayerWeights> Loader::layer(uint32_t index) {
    const std::string prefix = fmt::format("blk.{}.", index);
    LayerWeights layer;
    TRY(layer.attn_norm, norm_if_there(prefix + "attn_norm", spec_.dim));
    TRY(layer.attn_post_norm, norm_if_there(prefix + "post_attention_norm", spec_.dim));
    TRY(layer.ffn_norm, norm_if_there(prefix + "ffn_norm", spec_.dim));
    TRY(layer.ffn_post_norm, norm_if_there(prefix + "post_ffw_norm", spec_.dim));
    if (spec_.encoder) {
        TRY(layer.attn_post_norm, norm(prefix + "attn_output_norm", spec_.dim));
        TRY(layer.ffn_post_norm, norm(prefix + "layer_output_norm", spec_.dim));
    }
    if (!layer.attn_norm && !layer.attn_post_norm)
        return fail(ErrorCode::kBadFile, "the tensor {}attn_norm.weight is missing", prefix);
    if (!layer.ffn_norm && !layer.ffn_post_norm && !spec_.parallel_residual)
        return fail(ErrorCode::kBadFile, "the tensor {}ffn_norm.weight is missing", prefix);
    TRY_VOID(attention(prefix, layer));
    if (spec_.moe.n_experts > 0 && has(prefix + "ffn_gate_inp.weight")) {
        TRY_VOID(experts(prefix, layer.moe));
    } else {
        TRY_VOID(dense_ffn(prefix, layer));
        out_.ffn_dim_max = spec_.ffn.dim;
    }
    return layer;
}

Result<void> Loader::encoder_ends() {
    TRY(out_.embedding_norm, norm("token_embd_norm", spec_.dim));
    if (const TensorInfo* types = file_.find_tensor("token_types.weight")) {
        const int64_t segments = std::clamp<int64_t>(types->dims[1], 1, kSegmentsMax);
        TRY(out_.token_types, values("token_types.weight", segments, spec_.dim));
    }
    return rank_head();
}

// As converters write it: a dense layer `cls` and the row `cls.output`, or that row alone, under either name.
Result<void> Loader::rank_head() {
    if (!spec_.rank_head) return {};
    RankHead& head = out_.rank;
    const bool two_layers = has("cls.output.weight") && has("cls.weight");
    if (two_layers) {
        TRY(head.dense, values("cls.weight", spec_.dim, spec_.dim));
    }
    if (two_layers && has("cls.bias")) {
        TRY(head.dense_bias, values("cls.bias", spec_.dim));
    }
    const std::string out = has("cls.output.weight") ? "cls.output" : "cls";
    TRY(head.out, values(out + ".weight", spec_.dim));
    if (!has(out + ".bias")) return {};
    TRY(const auto bias, values(out + ".bias", 1));
    head.out_bias = bias.front();
    return {};
}

Result<void> Loader::ends() {
    const int64_t dim = spec_.dim, vocab = spec_.vocab;
    TRY(out_.embedding, matrix("token_embd.weight", vocab, dim));
    if (has("position_embd.weight")) {
        const int64_t positions = file_.find_tensor("position_embd.weight")->dims[1];
        TRY(out_.positions, matrix("position_embd.weight", positions, dim));
    } else if (spec_.rope.pairs == RopePairs::kNone) {
        return fail(ErrorCode::kBadFile, "the tensor position_embd.weight is missing");
    }
    if (spec_.encoder) return encoder_ends();
    TRY(out_.output_norm, norm("output_norm", dim));
    if (has("output.weight")) {
        TRY(out_.head, linear("output", vocab, dim));
    } else {
        out_.head.weight = out_.embedding;  // tied
        const Placement& placement = homes_.placement;
        if (placement.head != placement.embedding) {
            TRY(out_.head.weight, matrix_on(placement.head, "token_embd.weight", vocab, dim));
        }
        TRY(out_.head.bias, vector_if_there("output.bias", vocab));
    }
    const int64_t pairs = spec_.rope.dims / 2;
    for (auto [name, to] : {std::pair{"rope_freqs.weight", &out_.rope_factors.always},
                            std::pair{"rope_factors_long.weight", &out_.rope_factors.long_context},
                            std::pair{"rope_factors_short.weight", &out_.rope_factors.short_context}}) {
        if (!has(name)) continue;
        TRY(*to, values(name, pairs));
        for (const float factor : *to)
            if (!(factor > 0))
                return fail(ErrorCode::kBadFile, "the tensor {} holds {}, expected positive numbers", name,
                            factor);
    }
    return {};
}

}  // namespace

uint64_t bytes_on(const Backend& backend, const TensorInfo& tensor) {
    const QuantTraits &from = traits(tensor.type), &to = traits(type_on(backend, tensor.type));
    return tensor.bytes / static_cast<uint64_t>(from.block_bytes) * static_cast<uint64_t>(from.block_elems) /
           static_cast<uint64_t>(to.block_elems) * static_cast<uint64_t>(to.block_bytes);
}

Result<Weights> load_weights(const GgufFile& file, const ModelSpec& spec, const WeightHomes& homes,
                             const std::function<void(double)>& on_progress) {
    Weights weights;
    Loader loader(file, spec, homes, weights, on_progress);
    TRY_VOID(loader.ends());
    for (uint32_t i = 0; i < spec.n_layers; ++i) {
        TRY(auto layer, loader.layer(i));
        weights.layers.push_back(std::move(layer));
    }
    if (spec.rope.scaling == RopeScaling::kLongRope &&
        (weights.rope_factors.long_context.empty() || weights.rope_factors.short_context.empty()))
        return fail(ErrorCode::kBadFile,
                    "rope.scaling.type is longrope, but the tensors rope_factors_long.weight and "
                    "rope_factors_short.weight are not both there");
    return weights;
}

}  // namespace airframe
