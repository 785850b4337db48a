#include "airframe/backend/cpu/machine.h"

#include <algorithm>

#include "airframe/backend/host_memory.h"
#include "base/check.h"

namespace airframe::cpu {
namespace {

constexpr int64_t kPackCols = 512;  // columns of one piece of packing work

int64_t blocks_of(int64_t n, int64_t size) { return (n + size - 1) / size; }

}  // namespace

void Machine::begin_op() {
    shared_.reset();
    for (Arena& arena : scratch_) arena.reset();
}

Input Machine::plan(const InputSource& source) {
    Input input{source.n_rows, source.cols};
    if (!are_few(source.n_rows, source.forms)) {
        const int64_t blocks = blocks_of(source.n_rows, kernels.token_block);
        const int64_t float_bytes = kernels.token_block * source.cols * static_cast<int64_t>(sizeof(float));
        const int64_t pair_bytes = blocks_of(source.cols, kChunk) * kernels.pairs_chunk_bytes;
        if (source.forms.floats) input.floats = shared_.take<std::byte>(blocks * float_bytes);
        if (source.forms.pairs) input.pairs = shared_.take<std::byte>(blocks * pair_bytes);
        return input;
    }
    input.few = shared_.take<ActivationRow>(source.n_rows);
    const int64_t chunks = blocks_of(source.cols, kChunk);
    for (int64_t i = 0; i < source.n_rows; ++i) {
        ActivationRow& row = input.few[i];
        row = {};
        row.f32 = source.x + (source.index ? source.index[i] : i) * source.cols;
        if (!source.forms.integers) continue;
        row.hi = shared_.take<int8_t>(chunks * kChunk);
        row.lo = shared_.take<int8_t>(chunks * kChunk);
        row.scales8 = shared_.take<float>(chunks * 16);
        row.scales16 = shared_.take<float>(chunks * 32);
    }
    return input;
}

void Machine::fill(const Input& input, const InputSource& source, int part, int parts) {
    if (!input.few) {
        const int64_t pieces =
            blocks_of(input.n_rows, kernels.token_block) * blocks_of(input.cols, kPackCols);
        for (int64_t piece = part; piece < pieces; piece += parts) pack_piece(input, source, piece);
        return;
    }
    if (!source.forms.integers) return;
    for (int64_t i = part; i < input.n_rows; i += parts) {
        const ActivationRow& row =
            input.few[i];  // its parts are ours to write: plan() took them from scratch
        kernels.quantize({row.f32, input.cols, const_cast<int8_t*>(row.hi), const_cast<int8_t*>(row.lo),
                          const_cast<float*>(row.scales8), const_cast<float*>(row.scales16)});
    }
}

void Machine::pack_piece(const Input& input, const InputSource& source, int64_t piece) {
    const int64_t column_pieces = blocks_of(input.cols, kPackCols);
    const int64_t col = piece % column_pieces * kPackCols;
    PackArgs args{source.x,
                  input.cols,
                  source.index,
                  input.n_rows,
                  piece / column_pieces,
                  col,
                  std::min(col + kPackCols, input.cols),
                  input.floats};
    if (input.floats) kernels.pack(args);
    args.packed = input.pairs;
    if (input.pairs) kernels.pack_pairs(args);
}

Input Machine::prepare(const InputSource& source) {
    const Input input = plan(source);
    run(source.n_rows * source.cols, [&](int part, int parts) { fill(input, source, part, parts); });
    return input;
}

void Machine::panel(const Linear& linear, const Input& input, Range rows, Arena& scratch, float* y) {
    const Weight& w = linear.weight;
    CHECK(w.cols == input.cols && rows.end <= w.rows, "[{}, {}] times {}", w.rows, w.cols, input.cols);
    if (!input.few)
        panel_many(w, input, rows, scratch, y);
    else
        panel_few(w, input, rows, scratch, y);
    const float* bias = floats_of(linear.bias);
    if (!bias) return;
    for (int64_t m = 0; m < input.n_rows; ++m)
        for (int64_t n = rows.begin; n < rows.end; ++n) y[m * panel_rows(input) + n - rows.begin] += bias[n];
}

void Machine::panel_few(const Weight& w, const Input& input, Range rows, Arena& scratch, float* y) {
    MatvecArgs args{};
    args.weights = row_of(w, rows.begin);
    args.row_bytes = static_cast<size_t>(row_bytes(w.type, w.cols));
    args.cols = w.cols;
    args.n_rows = static_cast<int>(rows.end - rows.begin);
    args.y_stride = kPanelRows;
    auto matvec = kernels.matvec[static_cast<int>(w.type)];
    if (!matvec) {  // a rare format: its rows as floats first
        float* floats = scratch.take<float>(args.n_rows * w.cols);
        for (int n = 0; n < args.n_rows; ++n)
            traits(w.type).dequantize_row(row_of(w, rows.begin + n), floats + n * w.cols, w.cols);
        args.weights = reinterpret_cast<const std::byte*>(floats);
        args.row_bytes = static_cast<size_t>(w.cols) * sizeof(float);
        matvec = kernels.matvec[static_cast<int>(QuantType::kF32)];
    }
    for (int64_t m = 0; m < input.n_rows; m += kMatvecTokens) {
        args.n_tokens = static_cast<int>(std::min<int64_t>(kMatvecTokens, input.n_rows - m));
        std::copy_n(input.few + m, args.n_tokens, args.x);
        args.y = y + m * kPanelRows;
        matvec(args);
    }
}

void Machine::panel_many(const Weight& w, const Input& input, Range rows, Arena& scratch, float* y) {
    const Unpack fast = kernels.unpack[static_cast<int>(w.type)];
    GemmArgs args{};
    args.weights = row_of(w, rows.begin);
    args.row_bytes = static_cast<size_t>(row_bytes(w.type, w.cols));
    args.chunk_bytes = static_cast<size_t>(row_bytes(w.type, kChunk));
    args.unpack = fast ? fast : traits(w.type).dequantize_row;
    args.cols = w.cols;
    args.n_rows = static_cast<int>(rows.end - rows.begin);
    args.n_tokens = input.n_rows;
    args.scratch = scratch.take<float>(gemm_scratch(input.n_rows, kernels.token_block, kernels.panel_rows));
    args.y = y;
    args.y_stride = kernels.panel_rows;
    const auto gemm_pairs = kernels.gemm_pairs[static_cast<int>(w.type)];
    args.packed = gemm_pairs ? input.pairs : input.floats;
    if (gemm_pairs) return gemm_pairs(args);
    for (; args.n_rows > 0; args.n_rows -= kPanelRows) {  // tiles take larger panels than floats
        GemmArgs part = args;
        part.n_rows = std::min(args.n_rows, kPanelRows);
        kernels.gemm(part);
        args.weights += kPanelRows * args.row_bytes;
        args.y += kPanelRows;
    }
}

}  // namespace airframe::cpu
