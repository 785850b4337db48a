// The first half of a feed-forward net, one panel of rows at a time: shared by the dense op and by experts.
#pragma once

#include "airframe/backend/cpu/machine.h"

namespace airframe::cpu {

struct FfnWeights {
    Linear gate;  // may be absent
    Linear up;
    Activation act;
};

// to(m)[0, panel size) = act(gate x) * (up x), or act(up x), for each input row m.
template <class Destination>
void ffn_panel(Machine& machine, const FfnWeights& ffn, const Input& input, Range panel, Arena& scratch,
               Destination&& to) {
    const int64_t n = panel.end - panel.begin;
    const int act = static_cast<int>(ffn.act);
    const int64_t stride = machine.panel_rows(input);
    float* up = scratch.take<float>(input.n_rows * stride);
    float* gate = ffn.gate ? scratch.take<float>(input.n_rows * stride) : nullptr;
    machine.panel(ffn.up, input, panel, scratch, up);
    if (gate) machine.panel(ffn.gate, input, panel, scratch, gate);
    for (int64_t m = 0; m < input.n_rows; ++m) {
        float* h = up + m * stride;
        if (gate)
            machine.kernels.activate[act](gate + m * stride, h, n);
        else
            machine.kernels.activate_alone[act](h, n);
        std::memcpy(to(m), h, static_cast<size_t>(n) * sizeof(float));
    }
}

}  // namespace airframe::cpu
