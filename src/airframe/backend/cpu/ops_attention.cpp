// Ops on heads: rotation, storing keys and values, attention over the pages.
#include <algorithm>

#include "airframe/backend/cpu/ops.h"
#include "airframe/backend/kv_vector.h"
#include "base/check.h"

namespace airframe::cpu {
namespace {

constexpr int64_t kQueriesAtOnce = 64;  // rows times heads that share one conversion of keys and values

void rotate_head(const Rope& rope, const float* angles, float* head) {
    const int32_t half = rope.dims / 2;
    if (rope.pairs == RopePairs::kAdjacent) {
        for (int32_t i = 0; i < half; ++i) {
            const float a = head[2 * i], b = head[2 * i + 1], cosine = angles[2 * i],
                        sine = angles[2 * i + 1];
            head[2 * i] = a * cosine - b * sine;
            head[2 * i + 1] = a * sine + b * cosine;
        }
        return;
    }
    for (int32_t i = 0; i < half; ++i) {
        const float a = head[i], b = head[i + half], cosine = angles[2 * i], sine = angles[2 * i + 1];
        head[i] = a * cosine - b * sine;
        head[i + half] = a * sine + b * cosine;
    }
}

// Each head by itself or the whole row, as the gain's length says.
void norm_heads(const Kernels& kernels, const Norm& norm, int64_t head_dim, float* row, int64_t cols) {
    if (!norm) return;
    const int64_t span = norm.gain.cols == head_dim ? head_dim : cols;
    for (int64_t at = 0; at < cols; at += span) norm_row(kernels, norm, row + at, span, row + at);
}

void store_vector(const Kernels& kernels, KvType type, const float* from, int64_t dim, std::byte* cache,
                  int64_t token) {
    std::byte* to = cache + token * kv_vector_bytes(type, dim);
    if (type == KvType::kF16)
        kernels.to_f16(from, dim, reinterpret_cast<uint16_t*>(to));
    else
        store_kv(type, from, dim, to);
}

}  // namespace

void CpuBackend::rope_store_row(const RopeStoreArgs& args, const BatchSlice& slice, int64_t row) {
    const KvLayer& kv = args.kv;
    const Kernels& kernels = machine_.kernels;
    float *q = row_of(args.q, row), *k = row_of(args.k, row);
    const float* v = row_of(args.v, row);
    norm_heads(kernels, args.q_norm, kv.head_dim_k, q, args.q.cols);
    norm_heads(kernels, args.k_norm, kv.head_dim_k, k, args.k.cols);
    if (args.rope.pairs != RopePairs::kNone) {
        const float* angles = reinterpret_cast<const float*>(args.rope.angles->host) + row * args.rope.dims;
        for (int64_t at = 0; at < args.q.cols; at += kv.head_dim_k) rotate_head(args.rope, angles, q + at);
        for (int64_t at = 0; at < args.k.cols; at += kv.head_dim_k) rotate_head(args.rope, angles, k + at);
    }
    const int64_t position = slice.kv_tokens + row - slice.first_row;
    const int64_t page = slice.pages[static_cast<size_t>(position / kv.page_tokens)];
    for (int64_t head = 0; head < kv.n_kv_heads; ++head) {
        const int64_t token = (page * kv.n_kv_heads + head) * kv.page_tokens + position % kv.page_tokens;
        store_vector(kernels, kv.type, k + head * kv.head_dim_k, kv.head_dim_k, kv.keys->host, token);
        store_vector(kernels, kv.type, v + head * kv.head_dim_v, kv.head_dim_v, kv.values->host, token);
    }
}

void CpuBackend::rope_store(const RopeStoreArgs& args) {
    machine_.run(args.q.rows * (args.q.cols + args.k.cols), [&](int part, int parts) {
        const Range rows = share(args.q.rows, 1, part, parts);
        for (const BatchSlice& slice : args.batch->slices) {
            const int64_t begin = std::max<int64_t>(rows.begin, slice.first_row);
            const int64_t end = std::min<int64_t>(rows.end, slice.first_row + slice.n_rows);
            for (int64_t row = begin; row < end; ++row) rope_store_row(args, slice, row);
        }
    });
}

void CpuBackend::attend(const AttendArgs& args) {
    const KvLayer& kv = args.kv;
    CHECK(kv.n_kv_heads > 0 && args.n_heads % kv.n_kv_heads == 0, "{} heads on {} key heads", args.n_heads,
          kv.n_kv_heads);
    const int64_t group = args.n_heads / kv.n_kv_heads;
    const int64_t rows_at_once = std::max<int64_t>(1, kQueriesAtOnce / group);
    machine_.begin_op();
    int64_t work = 0;
    for (const BatchSlice& slice : args.batch->slices)
        work += int64_t{slice.n_rows} * (slice.kv_tokens + slice.n_rows) * kv.n_kv_heads * kv.head_dim_k;
    machine_.run(work, [&](int part, int parts) {
        AttendTask task{};
        task.q_stride = args.q.cols, task.out_stride = args.out.cols;
        task.keys = kv.keys->host, task.values = kv.values->host, task.kv_type = kv.type;
        task.key_bytes = kv_vector_bytes(kv.type, kv.head_dim_k);
        task.value_bytes = kv_vector_bytes(kv.type, kv.head_dim_v);
        task.page_tokens = kv.page_tokens, task.n_kv_heads = kv.n_kv_heads;
        task.head_dim_k = kv.head_dim_k, task.head_dim_v = kv.head_dim_v;
        task.group = static_cast<int32_t>(group), task.window = args.window;
        task.scale = args.scale, task.softcap = args.softcap;
        task.scratch = machine_.scratch(part).take<float>(
            attend_scratch(rows_at_once * group, kv.head_dim_k, kv.head_dim_v));
        int64_t item =
            0;  // dealt out in turn: the blocks of one sequence differ in cost, their neighbours hardly
        for (const BatchSlice& slice : args.batch->slices) {
            task.pages = slice.pages.data();
            for (int64_t first = 0; first < slice.n_rows; first += rows_at_once) {
                const int64_t row = slice.first_row + first;
                task.first_position = slice.kv_tokens + first;
                task.n_rows = static_cast<int32_t>(std::min<int64_t>(rows_at_once, slice.n_rows - first));
                for (int32_t head = 0; head < kv.n_kv_heads; ++head, ++item) {
                    if (item % parts != part) continue;
                    task.kv_head = head;
                    task.q = row_of(args.q, row) + head * group * kv.head_dim_k;
                    task.out = row_of(args.out, row) + head * group * kv.head_dim_v;
                    machine_.kernels.attend(task);
                }
            }
        }
    });
}

}  // namespace airframe::cpu
