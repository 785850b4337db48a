// Ops that are matrix products with something after: projections, residual additions, gated activations,
// logits.
#include "airframe/backend/cpu/ffn_panel.h"
#include "airframe/backend/cpu/ops.h"
#include "base/check.h"

namespace airframe::cpu {
namespace {

// Results of one panel to their columns of `out`.
void copy_panel(const float* y, int64_t stride, int64_t n_rows, Range panel, const Rows& out) {
    for (int64_t m = 0; m < n_rows; ++m)
        std::memcpy(row_of(out, m) + panel.begin, y + m * stride,
                    static_cast<size_t>(panel.end - panel.begin) * sizeof(float));
}

}  // namespace

void CpuBackend::linear(const Rows& x, std::span<const Linear> weights, std::span<const Rows> outs) {
    CHECK(weights.size() == outs.size());
    machine_.begin_op();
    for (size_t i = 0; i < weights.size(); ++i)
        CHECK(weights[i].weight.rows == outs[i].cols && outs[i].rows >= x.rows, "{} rows to {} columns",
              weights[i].weight.rows, outs[i].cols);
    const Input input =
        machine_.prepare({row_of(x, 0), nullptr, x.rows, x.cols, forms_for(machine_.kernels, weights)});
    const int64_t stride = machine_.panel_rows(input);
    machine_.run(work_of(weights, x.rows), [&](int part, int parts) {
        Arena& scratch = machine_.scratch(part);
        for_panels(weights, stride, part, parts, [&](size_t which, Range panel) {
            scratch.reset();
            float* y = scratch.take<float>(x.rows * stride);
            machine_.panel(weights[which], input, panel, scratch, y);
            copy_panel(y, stride, x.rows, panel, outs[which]);
        });
    });
}

void CpuBackend::linear_add(const Rows& x, const Linear& weight, const Norm& post_norm, float scale,
                            const Rows& residual) {
    CHECK(weight.weight.rows == residual.cols && residual.rows >= x.rows);
    machine_.begin_op();
    const Kernels& kernels = machine_.kernels;
    const Input input =
        machine_.prepare({row_of(x, 0), nullptr, x.rows, x.cols, forms_for(kernels, {&weight, 1})});
    const int64_t stride = machine_.panel_rows(input);
    float* whole = post_norm ? machine_.shared().take<float>(x.rows * residual.cols) : nullptr;
    machine_.run(work_of({&weight, 1}, x.rows), [&](int part, int parts) {
        Arena& scratch = machine_.scratch(part);
        for_panels({&weight, 1}, stride, part, parts, [&](size_t, Range panel) {
            scratch.reset();
            float* y = scratch.take<float>(x.rows * stride);
            machine_.panel(weight, input, panel, scratch, y);
            const int64_t n = panel.end - panel.begin;
            for (int64_t m = 0; m < x.rows; ++m) {
                const float* from = y + m * stride;
                if (whole)
                    std::memcpy(whole + m * residual.cols + panel.begin, from,
                                static_cast<size_t>(n) * sizeof(float));
                else
                    kernels.add_scaled(from, scale, row_of(residual, m) + panel.begin, n);
            }
        });
    });
    if (!whole) return;
    machine_.run(x.rows * residual.cols, [&](int part, int parts) {
        const Range rows = share(x.rows, 1, part, parts);
        for (int64_t r = rows.begin; r < rows.end; ++r) {
            float* y = whole + r * residual.cols;
            norm_row(kernels, post_norm, y, residual.cols, y);
            kernels.add_scaled(y, scale, row_of(residual, r), residual.cols);
        }
    });
}

void CpuBackend::ffn_in(const FfnInArgs& args) {
    CHECK(args.up.weight.rows == args.h.cols && args.h.rows >= args.x.rows);
    CHECK(!args.gate || args.gate.weight.rows == args.up.weight.rows);
    machine_.begin_op();
    const Kernels& kernels = machine_.kernels;
    const Linear both[] = {args.gate, args.up};
    const Input input =
        machine_.prepare({row_of(args.x, 0), nullptr, args.x.rows, args.x.cols, forms_for(kernels, both)});
    machine_.run(2 * work_of({&args.up, 1}, args.x.rows), [&](int part, int parts) {
        Arena& scratch = machine_.scratch(part);
        for_panels({&args.up, 1}, machine_.panel_rows(input), part, parts, [&](size_t, Range panel) {
            scratch.reset();
            ffn_panel(machine_, {args.gate, args.up, args.act}, input, panel, scratch,
                      [&](int64_t m) { return row_of(args.h, m) + panel.begin; });
        });
    });
}

void CpuBackend::logits(const LogitsArgs& args) {
    const int64_t n_rows = static_cast<int64_t>(args.rows.size()), dim = args.x.cols;
    CHECK(n_rows == args.out.rows && args.head.weight.rows == args.out.cols);
    machine_.begin_op();
    const Kernels& kernels = machine_.kernels;
    float* normed = machine_.shared().take<float>(n_rows * dim);
    for (int64_t i = 0; i < n_rows; ++i)
        norm_row(kernels, args.norm, row_of(args.x, args.rows[static_cast<size_t>(i)]), dim,
                 normed + i * dim);
    const Input input = machine_.prepare({normed, nullptr, n_rows, dim, forms_for(kernels, {&args.head, 1})});
    const int64_t stride = machine_.panel_rows(input);
    machine_.run(work_of({&args.head, 1}, n_rows), [&](int part, int parts) {
        Arena& scratch = machine_.scratch(part);
        for_panels({&args.head, 1}, stride, part, parts, [&](size_t, Range panel) {
            scratch.reset();
            float* y = scratch.take<float>(n_rows * stride);
            machine_.panel(args.head, input, panel, scratch, y);
            for (int64_t m = 0; m < n_rows; ++m) {
                float* row = y + m * stride;
                const int64_t n = panel.end - panel.begin;
                if (args.softcap > 0)
                    kernels.softcap(row, args.scale, args.softcap, n);
                else if (args.scale != 1)
                    for (int64_t i = 0; i < n; ++i) row[i] *= args.scale;
            }
            copy_panel(y, stride, n_rows, panel, args.out);
        });
    });
}

}  // namespace airframe::cpu
