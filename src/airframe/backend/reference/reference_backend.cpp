#include "airframe/backend/reference/reference_backend.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "airframe/backend/host_memory.h"
#include "airframe/backend/kv_vector.h"
#include "airframe/backend/moe_gate.h"
#include "airframe/backend/reference/math.h"
#include "base/check.h"

namespace airframe {
namespace {

using namespace reference;

std::vector<float> scratch(int64_t n) { return std::vector<float>(static_cast<size_t>(n)); }

// h = act(gate x) * (up x), or act(up x) without a gate; h [n_rows, up.rows]
void ffn_rows(const Linear& gate, const Linear& up, Activation act, const float* x, int64_t n_rows,
              float* h) {
    const int64_t n = n_rows * up.weight.rows;
    matmul(up, x, n_rows, h);
    if (!gate) {
        for (int64_t i = 0; i < n; ++i) h[i] = static_cast<float>(activate(act, h[i]));
        return;
    }
    std::vector<float> gated = scratch(n);
    matmul(gate, x, n_rows, gated.data());
    for (int64_t i = 0; i < n; ++i)
        h[i] = static_cast<float>(activate(act, gated[static_cast<size_t>(i)]) * h[i]);
}

// Norms each head of a row by itself, or the whole row, as the gain's length says.
void norm_heads(const Norm& norm, int64_t head_dim, float* row, int64_t cols) {
    if (!norm) return;
    const int64_t span = norm.gain.cols == head_dim ? head_dim : cols;
    for (int64_t at = 0; at < cols; at += span) norm_row(norm, row + at, span, row + at);
}

class ReferenceBackend final : public Backend {
  public:
    std::string_view name() const override { return "reference"; }
    std::string_view description() const override { return "plain loops on one thread (the yardstick)"; }
    bool supports(QuantType type) const override { return traits(type).dequantize_row != nullptr; }

    base::Result<std::unique_ptr<Buffer>> upload(std::span<const std::byte> host) override {
        return HostBuffer::borrow(host);
    }
    base::Result<std::unique_ptr<Buffer>> allocate(size_t bytes) override {
        return HostBuffer::allocate(bytes);
    }
    void write(Buffer& to, size_t offset_bytes, std::span<const std::byte> from) override {
        write_host(to, offset_bytes, from);
    }
    void read(const Buffer& from, size_t offset_bytes, std::span<std::byte> to) override {
        read_host(from, offset_bytes, to);
    }
    void wait() override {}

    void embed(const EmbedArgs& args) override;
    void norm(const Rows& x, const Norm& norm, const Rows& out) override;
    void linear(const Rows& x, std::span<const Linear> weights, std::span<const Rows> outs) override;
    void linear_add(const Rows& x, const Linear& weight, const Norm& post_norm, float scale,
                    const Rows& residual) override;
    void rope_store(const RopeStoreArgs& args) override;
    void attend(const AttendArgs& args) override;
    void ffn_in(const FfnInArgs& args) override;
    void moe(const MoeArgs& args) override;
    void logits(const LogitsArgs& args) override;
};

void ReferenceBackend::embed(const EmbedArgs& args) {
    CHECK(static_cast<int64_t>(args.tokens.size()) == args.x.rows && args.table.cols == args.x.cols);
    std::vector<float> learned = scratch(args.x.cols);
    for (int64_t r = 0; r < args.x.rows; ++r) {
        float* x = row_of(args.x, r);
        traits(args.table.type)
            .dequantize_row(row_of(args.table, args.tokens[static_cast<size_t>(r)]), x, args.x.cols);
        for (int64_t i = 0; i < args.x.cols; ++i) x[i] *= args.scale;
        if (!args.positions_table) continue;
        const Weight& table = args.positions_table;
        const int32_t position = args.positions[static_cast<size_t>(r)];
        traits(table.type).dequantize_row(row_of(table, position), learned.data(), table.cols);
        for (int64_t i = 0; i < args.x.cols; ++i) x[i] += learned[static_cast<size_t>(i)];
    }
}

void ReferenceBackend::norm(const Rows& x, const Norm& norm, const Rows& out) {
    for (int64_t r = 0; r < x.rows; ++r) norm_row(norm, row_of(x, r), x.cols, row_of(out, r));
}

void ReferenceBackend::linear(const Rows& x, std::span<const Linear> weights, std::span<const Rows> outs) {
    CHECK(weights.size() == outs.size());
    for (size_t i = 0; i < weights.size(); ++i) {
        CHECK(weights[i].weight.cols == x.cols && weights[i].weight.rows == outs[i].cols,
              "[{}, {}] times {} to {}", weights[i].weight.rows, weights[i].weight.cols, x.cols,
              outs[i].cols);
        matmul(weights[i], row_of(x, 0), x.rows, row_of(outs[i], 0));
    }
}

void ReferenceBackend::linear_add(const Rows& x, const Linear& weight, const Norm& post_norm, float scale,
                                  const Rows& residual) {
    CHECK(weight.weight.cols == x.cols && weight.weight.rows == residual.cols);
    std::vector<float> y = scratch(residual.cols);
    for (int64_t r = 0; r < x.rows; ++r) {
        matmul(weight, row_of(x, r), 1, y.data());
        if (post_norm) norm_row(post_norm, y.data(), residual.cols, y.data());
        float* to = row_of(residual, r);
        for (int64_t i = 0; i < residual.cols; ++i) to[i] += scale * y[static_cast<size_t>(i)];
    }
}

void ReferenceBackend::rope_store(const RopeStoreArgs& args) {
    const KvLayer& kv = args.kv;
    const int64_t dim_k = kv.head_dim_k, dim_v = kv.head_dim_v;
    for (const BatchSlice& slice : args.batch->slices) {
        for (int64_t i = 0; i < slice.n_rows; ++i) {
            const int64_t r = slice.first_row + i;
            float *q = row_of(args.q, r), *k = row_of(args.k, r);
            const float *v = row_of(args.v, r), *angles = nullptr;
            if (args.rope.pairs != RopePairs::kNone)
                angles = reinterpret_cast<const float*>(args.rope.angles->host) + r * args.rope.dims;
            norm_heads(args.q_norm, dim_k, q, args.q.cols);
            norm_heads(args.k_norm, dim_k, k, args.k.cols);
            for (int64_t at = 0; at < args.q.cols; at += dim_k)
                rotate_head(args.rope.pairs, args.rope.dims, angles, q + at);
            for (int64_t head = 0; head < kv.n_kv_heads; ++head) {
                const int64_t position = slice.kv_tokens + i;
                rotate_head(args.rope.pairs, args.rope.dims, angles, k + head * dim_k);
                store_kv(kv.type, k + head * dim_k, dim_k,
                         kv.keys->host + kv_offset_bytes(kv, slice.pages, position, head, dim_k));
                store_kv(kv.type, v + head * dim_v, dim_v,
                         kv.values->host + kv_offset_bytes(kv, slice.pages, position, head, dim_v));
            }
        }
    }
}

// One head of one row: softmax over the positions it sees, then the weighted sum of their values.
void attend_head(const AttendArgs& args, std::span<const int32_t> pages, int64_t position, int64_t head,
                 const float* q, float* out) {
    const KvLayer& kv = args.kv;
    const int64_t kv_head = head / (args.n_heads / kv.n_kv_heads);
    const int64_t first = args.window > 0 ? std::max<int64_t>(0, position - args.window + 1) : 0;
    std::vector<double> scores;
    double peak = -INFINITY;
    for (int64_t p = first; p <= position; ++p) {
        const std::byte* key = kv.keys->host + kv_offset_bytes(kv, pages, p, kv_head, kv.head_dim_k);
        double score = 0;
        for (int64_t i = 0; i < kv.head_dim_k; ++i) score += q[i] * load_kv(kv.type, key, i);
        score *= args.scale;
        if (args.softcap > 0) score = args.softcap * std::tanh(score / args.softcap);
        peak = std::max(peak, score);
        scores.push_back(score);
    }
    std::vector<double> sums(static_cast<size_t>(kv.head_dim_v));
    double total = 0;
    for (int64_t p = first; p <= position; ++p) {
        const std::byte* value = kv.values->host + kv_offset_bytes(kv, pages, p, kv_head, kv.head_dim_v);
        const double share = std::exp(scores[static_cast<size_t>(p - first)] - peak);
        total += share;
        for (int64_t i = 0; i < kv.head_dim_v; ++i)
            sums[static_cast<size_t>(i)] += share * load_kv(kv.type, value, i);
    }
    for (size_t i = 0; i < sums.size(); ++i) out[i] = static_cast<float>(sums[i] / total);
}

void ReferenceBackend::attend(const AttendArgs& args) {
    CHECK(args.kv.n_kv_heads > 0 && args.n_heads % args.kv.n_kv_heads == 0, "{} heads on {} key heads",
          args.n_heads, args.kv.n_kv_heads);
    for (const BatchSlice& slice : args.batch->slices)
        for (int64_t i = 0; i < slice.n_rows; ++i)
            for (int64_t head = 0; head < args.n_heads; ++head)
                attend_head(args, slice.pages, slice.kv_tokens + i, head,
                            row_of(args.q, slice.first_row + i) + head * args.kv.head_dim_k,
                            row_of(args.out, slice.first_row + i) + head * args.kv.head_dim_v);
}

void ReferenceBackend::ffn_in(const FfnInArgs& args) {
    CHECK(args.up.weight.cols == args.x.cols && args.up.weight.rows == args.h.cols);
    ffn_rows(args.gate, args.up, args.act, row_of(args.x, 0), args.x.rows, row_of(args.h, 0));
}

// sum += weight * (down h), with h of one token
void add_expert(const Linear& gate, const Linear& up, const Linear& down, Activation act, const float* x,
                double weight, std::vector<double>& sum) {
    std::vector<float> h = scratch(up.weight.rows), y = scratch(down.weight.rows);
    ffn_rows(gate, up, act, x, 1, h.data());
    matmul(down, h.data(), 1, y.data());
    for (size_t i = 0; i < y.size(); ++i) sum[i] += weight * y[i];
}

void ReferenceBackend::moe(const MoeArgs& args) {
    const int64_t dim = args.x.cols, expert_dim = args.up.weight.rows / args.n_experts;
    CHECK(args.n_active >= 1 && args.n_active <= args.n_experts, "{} of {} experts", args.n_active,
          args.n_experts);
    CHECK(args.down.weight.rows == args.n_experts * dim && args.down.weight.cols == expert_dim);
    std::vector<float> scores = scratch(args.n_experts);
    std::vector<ExpertChoice> chosen(static_cast<size_t>(args.n_active));
    for (int64_t r = 0; r < args.x.rows; ++r) {
        const float* x = row_of(args.x, r);
        std::vector<double> sum(static_cast<size_t>(dim));
        matmul(args.router, x, 1, scores.data());
        choose_experts(scores, {args.gating, args.renormalize, args.scale}, chosen);
        for (const auto& [expert, weight] : chosen)
            add_expert(args.gate ? slice_rows(args.gate, expert * expert_dim, expert_dim) : Linear{},
                       slice_rows(args.up, expert * expert_dim, expert_dim),
                       slice_rows(args.down, expert * dim, dim), args.act, x, weight, sum);
        if (args.shared_up) {
            float score = 0;
            if (args.shared_router) matmul({args.shared_router, {}}, x, 1, &score);
            const double share = args.shared_router ? 1 / (1 + std::exp(-static_cast<double>(score))) : 1;
            add_expert(args.shared_gate, args.shared_up, args.shared_down, args.act, x, share, sum);
        }
        float* to = row_of(args.residual, r);
        for (int64_t i = 0; i < dim; ++i) to[i] += static_cast<float>(sum[static_cast<size_t>(i)]);
    }
}

void ReferenceBackend::logits(const LogitsArgs& args) {
    CHECK(static_cast<int64_t>(args.rows.size()) == args.out.rows && args.head.weight.rows == args.out.cols);
    std::vector<float> normed = scratch(args.x.cols * args.out.rows);
    for (size_t i = 0; i < args.rows.size(); ++i)
        norm_row(args.norm, row_of(args.x, args.rows[i]), args.x.cols,
                 normed.data() + static_cast<int64_t>(i) * args.x.cols);
    matmul(args.head, normed.data(), args.out.rows, row_of(args.out, 0));
    float* out = row_of(args.out, 0);
    for (int64_t i = 0; i < args.out.rows * args.out.cols; ++i) {
        double value = static_cast<double>(out[i]) * args.scale;
        if (args.softcap > 0) value = args.softcap * std::tanh(value / args.softcap);
        out[i] = static_cast<float>(value);
    }
}

}  // namespace

base::Result<std::unique_ptr<Backend>> make_reference_backend(const BackendOptions&) {
    return std::unique_ptr<Backend>(new ReferenceBackend);
}

}  // namespace airframe
