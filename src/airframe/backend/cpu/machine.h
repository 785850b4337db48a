// What all ops share: the kernels of one instruction set, the threads, their scratch memory, and matrix
// products as panels of weight rows times prepared activations. One thread (the engine's) starts regions.
//
// A region is pool.run(); its parts split rows by shape alone, and no result depends on the split.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "airframe/backend/backend.h"
#include "airframe/backend/cpu/arena.h"
#include "airframe/backend/cpu/isa.h"
#include "base/thread_pool.h"

namespace airframe::cpu {

struct Range {
    int64_t begin, end;
};

// Part `part` of `parts` of [0, n), in units that keep threads off each other's cache lines.
inline Range share(int64_t n, int64_t unit, int part, int parts) {
    const int64_t units = (n + unit - 1) / unit;
    const int64_t begin = units * part / parts * unit, end = units * (part + 1) / parts * unit;
    return {begin < n ? begin : n, end < n ? end : n};
}

// Activation rows made ready for the kernels, in memory of the machine's shared scratch: for a few rows in
// 15-bit blocks, for many packed as floats or pairs, as the weights want them.
struct Input {
    int64_t n_rows = 0;
    int64_t cols = 0;
    ActivationRow* few = nullptr;  // [n_rows]; else, what is needed of:
    std::byte* floats = nullptr;
    std::byte* pairs = nullptr;
};

// The forms of the activations that weights will ask for.
struct Forms {
    bool integers = false;  // few rows in 15-bit blocks
    bool pairs = false;     // many rows
    bool floats = false;    // many rows
};

// Where an Input comes from.
struct InputSource {
    const float* x;
    const int32_t* index;  // rows of x; null: all in order
    int64_t n_rows;
    int64_t cols;
    Forms forms;
};

class Machine {
  public:
    // `one_path`: rows are never packed, however many they are.
    Machine(const Isa& isa, int threads, bool one_path = false)
        : kernels(*isa.kernels), pool(threads), one_path_(one_path), scratch_(static_cast<size_t>(threads)) {}

    const Kernels& kernels;
    base::ThreadPool pool;

    // Forgets the scratch of the op before.
    void begin_op();
    Arena& shared() { return shared_; }
    Arena& scratch(int part) { return scratch_[static_cast<size_t>(part)]; }

    // Memory for an Input; then fill() in a region, every part of it.
    Input plan(const InputSource& source);
    void fill(const Input& input, const InputSource& source, int part, int parts);
    Input prepare(const InputSource& source);

    // How many weight rows a panel of a product with this input has at most.
    int64_t panel_rows(const Input& input) const { return input.few ? kPanelRows : kernels.panel_rows; }
    // y [input rows, panel_rows(input)] = those rows of W x + b. REQUIRES: no more than panel_rows(input).
    void panel(const Linear& linear, const Input& input, Range rows, Arena& scratch, float* y);

    // Runs body on the whole region, or at once on this thread where work (in floats touched) is small.
    template <class Body>
    void run(int64_t work, Body&& body) {
        if (work < kSmallWork)
            body(0, 1);
        else
            pool.run(std::forward<Body>(body));
    }

  private:
    static constexpr int64_t kSmallWork = 32768;  // about as long as waking the others

    void pack_piece(const Input& input, const InputSource& source, int64_t piece);
    void panel_few(const Weight& w, const Input& input, Range rows, Arena& scratch, float* y);
    void panel_many(const Weight& w, const Input& input, Range rows, Arena& scratch, float* y);

    bool are_few(int64_t n_rows, const Forms& forms) const {
        return one_path_ || n_rows <= (forms.floats ? kernels.few_rows.floats : kernels.few_rows.pairs);
    }

    const bool one_path_;
    std::vector<Arena> scratch_;
    Arena shared_;
};

// What these matrices ask of the activations they meet; absent ones ask nothing.
inline Forms forms_for(const Kernels& kernels, std::span<const Linear> linears) {
    Forms forms;
    for (const Linear& linear : linears) {
        if (!linear) continue;
        const auto type = static_cast<size_t>(linear.weight.type);
        forms.integers = forms.integers || kernels.matvec_takes_integers[type];
        (kernels.gemm_pairs[type] ? forms.pairs : forms.floats) = true;
    }
    return forms;
}

// What a product costs, in the unit of Machine::run: block formats pass about four times as fast as floats.
inline int64_t work_of(std::span<const Linear> linears, int64_t n_rows) {
    int64_t weights = 0;
    for (const Linear& linear : linears) weights += linear.weight.rows * linear.weight.cols;
    return weights * n_rows / 4;
}

// Calls body(which, rows) for the panels, of at most `panel_rows`, of this part of several matrices, laid end
// to end.
template <class Body>
void for_panels(std::span<const Linear> linears, int64_t panel_rows, int part, int parts, Body&& body) {
    constexpr int64_t kUnit = 16;  // a cache line of results
    int64_t total = 0;
    for (const Linear& linear : linears) total += linear.weight.rows;
    const Range mine = share(total, kUnit, part, parts);
    int64_t first = 0;
    for (size_t which = 0; which < linears.size(); ++which) {
        const int64_t rows = linears[which].weight.rows;
        int64_t begin = mine.begin > first ? mine.begin - first : 0;
        const int64_t end = mine.end - first < rows ? mine.end - first : rows;
        for (; begin < end; begin += panel_rows)
            body(which, Range{begin, end - begin < panel_rows ? end : begin + panel_rows});
        first += rows;
    }
}

}  // namespace airframe::cpu
