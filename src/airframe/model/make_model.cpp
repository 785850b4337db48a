#include "airframe/model/make_model.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "airframe/backend/random_blocks.h"
#include "airframe/gguf/gguf_writer.h"
#include "base/rng.h"

namespace airframe {
namespace {

using base::Result;

constexpr uint32_t kFirstByteToken = 3;  // after <unk>, <s> and </s>
constexpr uint32_t kFirstWord = kFirstByteToken + 256;

void add_hyperparameters(GgufWriter& writer, const ModelShape& shape, const QuantMix& mix) {
    const auto key = [&](std::string_view name) { return fmt::format("{}.{}", shape.family, name); };
    writer.add("general.architecture", shape.family);
    writer.add("general.name", fmt::format("{} with random weights", shape.name));
    writer.add("general.file_type", static_cast<uint32_t>(mix.file_type));
    writer.add("general.quantization_version", uint32_t{2});
    writer.add(key("context_length"), shape.ctx_tokens);
    writer.add(key("embedding_length"), shape.dim);
    writer.add(key("block_count"), shape.n_layers);
    writer.add(key("feed_forward_length"), shape.ffn_dim);
    writer.add(key("attention.head_count"), shape.n_heads);
    writer.add(key("attention.head_count_kv"), shape.n_kv_heads);
    writer.add(key("attention.key_length"), shape.head_dim);
    writer.add(key("attention.value_length"), shape.head_dim);
    writer.add(key(shape.layer_norm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon"),
               1e-5f);
    if (!shape.learned_positions) {
        writer.add(key("rope.freq_base"), shape.rope_base);
        writer.add(key("rope.dimension_count"), shape.rope_dims > 0 ? shape.rope_dims : shape.head_dim);
    }
    if (shape.long_rope) {
        writer.add(key("rope.scaling.type"), "longrope");
        writer.add(key("rope.scaling.original_context_length"), uint32_t{4096});
    }
    if (shape.window > 0) writer.add(key("attention.sliding_window"), shape.window);
    if (shape.attn_softcap > 0) writer.add(key("attn_logit_softcapping"), shape.attn_softcap);
    if (shape.logit_softcap > 0) writer.add(key("final_logit_softcapping"), shape.logit_softcap);
    if (shape.n_experts > 0) {
        writer.add(key("expert_count"), shape.n_experts);
        writer.add(key("expert_used_count"), shape.n_active);
        writer.add(key("expert_feed_forward_length"), shape.ffn_dim);
    }
}

void add_vocabulary(GgufWriter& writer, uint32_t vocab) {
    std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
    for (int byte = 0; byte < 256; ++byte) tokens.push_back(fmt::format("<0x{:02X}>", byte));
    while (tokens.size() < vocab) tokens.push_back(fmt::format("▁w{}", tokens.size()));
    std::vector<float> scores(vocab);
    std::vector<int32_t> types(vocab, 1);
    types[0] = 2;
    types[1] = types[2] = 3;
    for (uint32_t i = kFirstByteToken; i < vocab; ++i) {
        if (i < kFirstWord) types[i] = 6;
        scores[i] = -static_cast<float>(i);
    }
    writer.add("tokenizer.ggml.model", "llama");
    writer.add_array("tokenizer.ggml.tokens", std::span<const std::string>(tokens));
    writer.add_array("tokenizer.ggml.scores", std::span<const float>(scores));
    writer.add_array("tokenizer.ggml.token_type", std::span<const int32_t>(types));
    writer.add("tokenizer.ggml.bos_token_id", uint32_t{1});
    writer.add("tokenizer.ggml.eos_token_id", uint32_t{2});
    writer.add("tokenizer.ggml.unknown_token_id", uint32_t{0});
    writer.add("tokenizer.ggml.add_bos_token", true);
}

// Encoded random rows, drawn once per format and row length; tensors are cut from them.
class RowPools {
  public:
    // `elems_max`: of the largest tensor; a pool need not be larger than that.
    RowPools(uint64_t seed, int64_t elems_max)
        : rng_(seed), pool_elems_(std::min<int64_t>(elems_max, 1 << 20)) {}

    struct Pool {
        std::vector<std::byte> bytes;
        int64_t rows = 0;
    };

    const Pool& get(QuantType type, int64_t cols, float deviation) {
        Pool& pool = pools_[{type, cols, deviation}];
        if (pool.rows == 0) fill(pool, type, cols, deviation);
        return pool;
    }
    base::Rng& rng() { return rng_; }

  private:
    void fill(Pool& pool, QuantType type, int64_t cols, float deviation) {
        pool.rows = std::max<int64_t>(1, pool_elems_ / cols);
        if (traits(type).quantize_row == nullptr) {  // no encoder: blocks whose peaks are those of such rows
            pool.bytes = random_blocks(rng_, type, pool.rows, cols, 1.2f * deviation, 5 * deviation);
            return;
        }
        const int64_t bytes = row_bytes(type, cols);
        pool.bytes.resize(static_cast<size_t>(pool.rows * bytes));
        std::vector<float> row(static_cast<size_t>(cols));
        for (int64_t r = 0; r < pool.rows; ++r) {
            for (float& x : row) x = deviation * normal();
            traits(type).quantize_row(row.data(), pool.bytes.data() + r * bytes, cols);
        }
    }
    // Box and Muller.
    float normal() {
        const double radius = std::sqrt(-2 * std::log(1 - rng_.next_double()));
        return static_cast<float>(radius * std::cos(2 * std::numbers::pi * rng_.next_double()));
    }

    base::Rng rng_;
    const int64_t pool_elems_;
    std::map<std::tuple<QuantType, int64_t, float>, Pool> pools_;
};

// Keeps activations at their size through the layers, and the logits' spread at about 3.
float deviation_of(const ModelShape& shape, const ShapeTensor& tensor) {
    const float by_row = 1 / std::sqrt(static_cast<float>(tensor.dims[0]));
    if (tensor.name.contains("attn_output") || tensor.name.contains("ffn_down"))
        return by_row / std::sqrt(2 * static_cast<float>(shape.n_layers));
    return tensor.name == "output.weight" ? 3 * by_row : by_row;
}

int64_t elements_of(const ShapeTensor& tensor) {
    int64_t elems = 1;
    for (const int64_t dim : tensor.dims) elems *= dim;
    return elems;
}

Result<void> write_matrix(GgufWriter& writer, RowPools& pools, const ModelShape& shape,
                          const ShapeTensor& tensor, QuantType type) {
    const int64_t cols = tensor.dims[0];
    int64_t rows = elements_of(tensor) / cols;
    const RowPools::Pool& pool = pools.get(type, cols, deviation_of(shape, tensor));
    const auto bytes = static_cast<size_t>(row_bytes(type, cols));
    auto first = static_cast<int64_t>(pools.rng().next_below(static_cast<uint64_t>(pool.rows)));
    while (rows > 0) {
        const int64_t count = std::min(rows, pool.rows - first);
        TRY_VOID(writer.write(
            std::span(pool.bytes)
                .subspan(static_cast<size_t>(first) * bytes, static_cast<size_t>(count) * bytes)));
        rows -= count;
        first = 0;
    }
    return {};
}

Result<void> write_vector(GgufWriter& writer, RowPools& pools, const ModelShape& shape,
                          const ShapeTensor& tensor) {
    std::vector<float> values(static_cast<size_t>(tensor.dims[0]));
    const bool last_norm_of_tied = shape.tied && tensor.name == "output_norm.weight";
    for (float& x : values) {
        const auto noise = static_cast<float>(0.2 * pools.rng().next_double() - 0.1);
        if (tensor.fill == TensorFill::kGain) x = (last_norm_of_tied ? 3.0f : 1.0f) + noise;
        if (tensor.fill == TensorFill::kBias) x = noise;
        if (tensor.fill == TensorFill::kFactors) x = 1;
    }
    return writer.write(std::as_bytes(std::span(values)));
}

}  // namespace

Result<void> make_model(const ModelShape& shape, const QuantMix& mix, const std::filesystem::path& path,
                        const MakeModelOptions& options) {
    if (shape.vocab < kFirstWord)
        return base::fail(base::ErrorCode::kInvalidArgument,
                          "a vocabulary of {} has no room for {} byte and special tokens", shape.vocab,
                          kFirstWord);
    GgufWriter writer;
    add_hyperparameters(writer, shape, mix);
    add_vocabulary(writer, shape.vocab);
    const std::vector<ShapeTensor> tensors = tensors_of(shape);
    std::vector<QuantType> types;
    int64_t elems_max = 0;
    for (const ShapeTensor& tensor : tensors) {
        elems_max = std::max(elems_max, elements_of(tensor));
        const MixTensor described{.name = tensor.name,
                                  .cols = tensor.dims[0],
                                  .n_dims = static_cast<uint32_t>(tensor.dims.size()),
                                  .n_layers = shape.n_layers,
                                  .tied_head = shape.tied};
        types.push_back(mixed_type(mix, described));
        writer.add_tensor(tensor.name, types.back(), tensor.dims);
    }
    TRY_VOID(writer.open(path));
    RowPools pools(options.seed, elems_max);
    for (size_t i = 0; i < tensors.size(); ++i) {
        if (tensors[i].fill == TensorFill::kMatrix) {
            TRY_VOID(write_matrix(writer, pools, shape, tensors[i], types[i]));
        } else {
            TRY_VOID(write_vector(writer, pools, shape, tensors[i]));
        }
        if (options.on_progress)
            options.on_progress(static_cast<double>(i + 1) / static_cast<double>(tensors.size()));
    }
    return writer.close();
}

}  // namespace airframe
