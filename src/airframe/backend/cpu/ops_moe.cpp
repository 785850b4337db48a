// Mixture of experts: rows are grouped by expert, so that a batch reads each expert's weights once. The
// shared expert is one more, which every row chose. An expert's results are added in the order of experts,
// whatever the threads.
#include <algorithm>
#include <cmath>

#include "airframe/backend/cpu/ffn_panel.h"
#include "airframe/backend/cpu/ops.h"
#include "airframe/backend/moe_gate.h"
#include "base/check.h"

namespace airframe::cpu {
namespace {

// The rows that one expert works on.
struct Expert {
    FfnWeights in;
    Linear down;
    int64_t n_rows;
    int32_t* rows;   // of x, ascending
    float* weights;  // of each row
    float* h;        // [n_rows, expert dim]
    Input x, hidden;
    InputSource x_source, hidden_source;
};

struct Routing {
    float* scores;         // [rows, n_experts]
    ExpertChoice* chosen;  // [rows, n_active]
    float* shared;         // [rows], weight of the shared expert
};

void route(Machine& machine, const MoeArgs& args, const Input& input, const Routing& routing) {
    const int64_t stride = machine.panel_rows(input);
    const Linear shared{args.shared_router, {}};
    machine.run(work_of({&args.router, 1}, args.x.rows), [&](int part, int parts) {
        Arena& scratch = machine.scratch(part);
        for_panels({&args.router, 1}, stride, part, parts, [&](size_t, Range panel) {
            scratch.reset();
            float* y = scratch.take<float>(args.x.rows * stride);
            machine.panel(args.router, input, panel, scratch, y);
            for (int64_t m = 0; m < args.x.rows; ++m)
                std::memcpy(routing.scores + m * args.n_experts + panel.begin, y + m * stride,
                            static_cast<size_t>(panel.end - panel.begin) * sizeof(float));
        });
        if (part != 0 || !args.shared_router) return;
        scratch.reset();
        float* y = scratch.take<float>(args.x.rows * stride);
        machine.panel(shared, input, {0, 1}, scratch, y);
        for (int64_t m = 0; m < args.x.rows; ++m) routing.shared[m] = 1 / (1 + std::exp(-y[m * stride]));
    });
    const auto n_experts = static_cast<size_t>(args.n_experts), n_active = static_cast<size_t>(args.n_active);
    machine.run(args.x.rows * args.n_experts, [&](int part, int parts) {
        const Range rows = share(args.x.rows, 1, part, parts);
        for (int64_t r = rows.begin; r < rows.end; ++r)
            choose_experts({routing.scores + r * args.n_experts, n_experts},
                           {args.gating, args.renormalize, args.scale},
                           {routing.chosen + r * args.n_active, n_active});
    });
}

// The experts that got any rows, with their lists. Scratch comes from the machine's shared arena.
std::span<Expert> group_rows(Machine& machine, const MoeArgs& args, const Routing& routing) {
    Arena& shared = machine.shared();
    const int64_t n_rows = args.x.rows, dim = args.x.cols, expert_dim = args.up.weight.rows / args.n_experts;
    const int64_t n_choices = n_rows * args.n_active, n_slots = n_choices + (args.shared_up ? n_rows : 0);
    int32_t* rows = shared.take<int32_t>(n_slots);
    float* weights = shared.take<float>(n_slots);
    Expert* experts = shared.take<Expert>(args.n_experts + 1);
    int32_t* counts = shared.take<int32_t>(args.n_experts);
    std::fill_n(counts, args.n_experts, 0);
    for (int64_t i = 0; i < n_choices; ++i) ++counts[routing.chosen[i].expert];

    size_t used = 0;
    Expert** by_number = shared.take<Expert*>(args.n_experts);
    for (int32_t e = 0; e < args.n_experts; ++e) {
        if (counts[e] == 0) continue;
        Expert& expert = experts[used++] = {};
        by_number[e] = &expert;
        expert.rows = rows, expert.weights = weights;
        rows += counts[e], weights += counts[e];
        expert.in = {args.gate ? slice_rows(args.gate, e * expert_dim, expert_dim) : Linear{},
                     slice_rows(args.up, e * expert_dim, expert_dim), args.act};
        expert.down = slice_rows(args.down, e * dim, dim);
    }
    for (int64_t i = 0; i < n_choices; ++i) {
        const ExpertChoice& choice = routing.chosen[i];
        Expert& expert = *by_number[choice.expert];
        expert.rows[expert.n_rows] = static_cast<int32_t>(i / args.n_active);
        expert.weights[expert.n_rows++] = choice.weight;
    }
    if (args.shared_up) {
        Expert& expert = experts[used++] = {};
        expert.in = {args.shared_gate, args.shared_up, args.act};
        expert.down = args.shared_down;
        expert.rows = rows, expert.weights = routing.shared, expert.n_rows = n_rows;
        for (int64_t r = 0; r < n_rows; ++r) rows[r] = static_cast<int32_t>(r);
    }
    return {experts, used};
}

// Scratch for what goes in and comes out of each expert.
void plan_experts(Machine& machine, const MoeArgs& args, std::span<Expert> experts) {
    const Kernels& kernels = machine.kernels;
    for (Expert& expert : experts) {
        const Linear in[] = {expert.in.gate, expert.in.up};
        const int64_t hidden_dim = expert.down.weight.cols;
        expert.h = machine.shared().take<float>(expert.n_rows * hidden_dim);
        expert.x_source = {row_of(args.x, 0), expert.rows, expert.n_rows, args.x.cols,
                           forms_for(kernels, in)};
        expert.hidden_source = {expert.h, nullptr, expert.n_rows, hidden_dim,
                                forms_for(kernels, {&expert.down, 1})};
        expert.x = machine.plan(expert.x_source);
        expert.hidden = machine.plan(expert.hidden_source);
    }
}

void add_down(Machine& machine, const MoeArgs& args, const Expert& expert, int part, int parts) {
    Arena& scratch = machine.scratch(part);
    const int64_t stride = machine.panel_rows(expert.hidden);
    for_panels({&expert.down, 1}, stride, part, parts, [&](size_t, Range panel) {
        scratch.reset();
        float* y = scratch.take<float>(expert.n_rows * stride);
        machine.panel(expert.down, expert.hidden, panel, scratch, y);
        for (int64_t i = 0; i < expert.n_rows; ++i)
            machine.kernels.add_scaled(y + i * stride, expert.weights[i],
                                       row_of(args.residual, expert.rows[i]) + panel.begin,
                                       panel.end - panel.begin);
    });
}

}  // namespace

void CpuBackend::moe(const MoeArgs& args) {
    const int64_t n_rows = args.x.rows, dim = args.x.cols;
    CHECK(args.n_active >= 1 && args.n_active <= args.n_experts, "{} of {} experts", args.n_active,
          args.n_experts);
    CHECK(args.down.weight.rows == args.n_experts * dim && args.residual.cols == dim);
    machine_.begin_op();
    Arena& shared = machine_.shared();
    const Routing routing{shared.take<float>(n_rows * args.n_experts),
                          shared.take<ExpertChoice>(n_rows * args.n_active), shared.take<float>(n_rows)};
    std::fill_n(routing.shared, n_rows, 1.0f);
    const Linear routers[] = {args.router, {args.shared_router, {}}};
    const InputSource to_routers{row_of(args.x, 0), nullptr, n_rows, dim,
                                 forms_for(machine_.kernels, routers)};
    route(machine_, args, machine_.prepare(to_routers), routing);

    const std::span<Expert> experts = group_rows(machine_, args, routing);
    plan_experts(machine_, args, experts);
    int64_t work = 0;
    for (const Expert& expert : experts) work += work_of({&expert.down, 1}, expert.n_rows);
    const auto fill_all = [&](Input Expert::* input, InputSource Expert::* source) {
        machine_.run(n_rows * args.n_active * dim, [&](int part, int parts) {
            for (Expert& expert : experts) machine_.fill(expert.*input, expert.*source, part, parts);
        });
    };
    fill_all(&Expert::x, &Expert::x_source);
    machine_.run(work, [&](int part, int parts) {
        Arena& scratch = machine_.scratch(part);
        for (Expert& expert : experts)
            for_panels({&expert.in.up, 1}, machine_.panel_rows(expert.x), part, parts,
                       [&](size_t, Range panel) {
                           scratch.reset();
                           ffn_panel(machine_, expert.in, expert.x, panel, scratch, [&](int64_t i) {
                               return expert.h + i * expert.down.weight.cols + panel.begin;
                           });
                       });
    });
    fill_all(&Expert::hidden, &Expert::hidden_source);
    machine_.run(work, [&](int part, int parts) {
        for (const Expert& expert : experts) add_down(machine_, args, expert, part, parts);
    });
}

}  // namespace airframe::cpu
