// The kernels of NEON beside the scalar ones on random input, without a library, so that a cross compiler
// alone builds it and qemu-user runs it (CMakeLists.txt). Prints one line for each difference; ends with
// 1 if any.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#include "airframe/backend/cpu/kernel_table.h"

namespace airframe::cpu {

extern const Kernels kScalarKernels;
extern const Kernels kNeonKernels;
extern const Kernels kNeonDotKernels;

namespace {

constexpr int kRows = 7, kTokens = 4;
constexpr int64_t kCols = 3 * kChunk;
constexpr size_t kBlockBytesMax = 4 * kChunk;  // of 256 weights of any type

uint32_t random_state = 1;
uint32_t random_bits() { return random_state = random_state * 1664525u + 1013904223u; }
float random_float() { return static_cast<float>(random_bits() >> 8) / 8388608.0f - 1; }

std::vector<float> random_floats(size_t n) {
    std::vector<float> floats(n);
    for (float& each : floats) each = random_float();
    return floats;
}

// Any bits but those of half floats that are huge, infinite or no number: exponents stay below 15.
std::vector<std::byte> random_weights(size_t bytes) {
    std::vector<std::byte> weights(bytes);
    for (std::byte& each : weights) each = static_cast<std::byte>(random_bits() >> 24 & 0xbb);
    return weights;
}

int n_faults = 0, n_checks = 0;

void compare(const char* isa, const char* what, int type, const std::vector<float>& got,
             const std::vector<float>& right, float tolerance) {
    ++n_checks;
    float largest = 0;
    for (const float each : right) largest = std::max(largest, std::fabs(each));
    if (!(largest > 0) || std::isinf(largest)) {
        std::printf("%s: %s of type %d: nothing to compare\n", isa, what, type);
        ++n_faults;
    }
    for (size_t i = 0; i < right.size(); ++i) {
        if (std::fabs(got[i] - right[i]) <= tolerance * largest) continue;  // false of NaN
        std::printf("%s: %s of type %d at %zu: %g, scalar %g\n", isa, what, type, i,
                    static_cast<double>(got[i]), static_cast<double>(right[i]));
        ++n_faults;
        return;
    }
}

struct Quantized {
    std::vector<int8_t> hi = std::vector<int8_t>(kCols), lo = hi;
    std::vector<float> scales8 = std::vector<float>(kCols / kChunk * 16),
                       scales16 = std::vector<float>(kCols / kChunk * 32);
};

Quantized quantized(const Kernels& kernels, const float* x) {
    Quantized row;
    kernels.quantize({x, kCols, row.hi.data(), row.lo.data(), row.scales8.data(), row.scales16.data()});
    return row;
}

std::vector<float> matvec(const Kernels& kernels, int type, const std::vector<std::byte>& weights,
                          const std::vector<float>& x) {
    std::vector<Quantized> rows;
    for (int m = 0; m < kTokens; ++m) rows.push_back(quantized(kernels, x.data() + m * kCols));
    std::vector<float> y(kRows * kTokens);
    MatvecArgs args{weights.data(), weights.size() / kRows, kCols, kRows, kTokens - 1, {}, y.data(), kRows};
    for (int m = 0; m < kTokens; ++m)
        args.x[m] = {x.data() + m * kCols, rows[m].hi.data(), rows[m].lo.data(), rows[m].scales8.data(),
                     rows[m].scales16.data()};
    kernels.matvec[type](args);
    return y;
}

std::vector<float> unpacked(const Kernels& kernels, int type, const std::vector<std::byte>& weights) {
    std::vector<float> out(kCols);
    kernels.unpack[type](weights.data(), out.data(), kCols);
    return out;
}

std::vector<float> gemm(const Kernels& kernels, const std::vector<float>& weights,
                        const std::vector<float>& x, int64_t n_tokens) {
    const int rows = 45, padded_rows = kPanelRows;
    const int64_t blocks = (n_tokens + kernels.token_block - 1) / kernels.token_block;
    std::vector<float> packed(blocks * kernels.token_block * kCols), y(n_tokens * padded_rows);
    std::vector<float> scratch(gemm_scratch(n_tokens, kernels.token_block, kPanelRows));
    auto* bytes = reinterpret_cast<std::byte*>(packed.data());
    for (int64_t block = 0; block < blocks; ++block)
        kernels.pack({x.data(), kCols, nullptr, n_tokens, block, 0, kCols, bytes});
    kernels.gemm({reinterpret_cast<const std::byte*>(weights.data()), kCols * sizeof(float),
                  kChunk * sizeof(float), kernels.unpack[0], kCols, rows, n_tokens, bytes, scratch.data(),
                  y.data(), padded_rows});
    for (int64_t m = 0; m < n_tokens; ++m)  // beyond the rows anything may stand
        std::fill(y.begin() + m * padded_rows + rows, y.begin() + (m + 1) * padded_rows, 0.0f);
    return y;
}

std::vector<float> attended(const Kernels& kernels, KvType type, const std::vector<std::byte>& cache) {
    constexpr int32_t kDim = 40, kPage = 16, kPages = 5, kGroup = 3, kQueries = 6;
    const int32_t pages[kPages] = {3, 0, 4, 1, 2};
    std::vector<float> q(kQueries * kGroup * kDim), out(q.size());
    random_state = 7;
    for (float& each : q) each = random_float();
    std::vector<float> scratch(attend_scratch(kQueries * kGroup, kDim, kDim));
    AttendTask task{};
    task.q = q.data(), task.out = out.data();
    task.q_stride = task.out_stride = kGroup * kDim;
    task.keys = task.values = cache.data();
    task.kv_type = type;
    task.key_bytes = task.value_bytes = kv_vector_bytes(type, kDim);
    task.pages = pages, task.page_tokens = kPage, task.n_kv_heads = 1;
    task.head_dim_k = task.head_dim_v = kDim;
    task.first_position = 70, task.n_rows = kQueries, task.group = kGroup;
    task.scale = 0.2f, task.softcap = 20, task.window = 50, task.scratch = scratch.data();
    kernels.attend(task);
    return out;
}

void check_rows(const Kernels& kernels) {
    const auto x = random_floats(kCols - 3), gate = random_floats(kCols - 3), gain = random_floats(kCols - 3);
    const auto both = [&](const char* what, auto run) {
        std::vector<float> got = x, right = x;
        run(kernels, got);
        run(kScalarKernels, right);
        compare(kernels.name, what, -1, got, right, 2e-6f);
    };
    const auto n = static_cast<int64_t>(x.size());
    for (int act = 0; act < 4; ++act) {
        both("activate", [&](const Kernels& k, auto& h) { k.activate[act](gate.data(), h.data(), n); });
        both("activate_alone", [&](const Kernels& k, auto& h) { k.activate_alone[act](h.data(), n); });
    }
    both("add_scaled", [&](const Kernels& k, auto& h) { k.add_scaled(gate.data(), 0.3f, h.data(), n); });
    both("softcap", [&](const Kernels& k, auto& h) { k.softcap(h.data(), 40, 30, n); });
    both("norm", [&](const Kernels& k, auto& h) {
        k.norm({x.data(), n, 1e-5f, true, gain.data(), gate.data(), h.data()});
    });
    both("to_f16", [&](const Kernels& k, auto& h) {
        std::vector<uint16_t> halves(h.size());
        k.to_f16(x.data(), n, halves.data());
        std::copy(halves.begin(), halves.end(), h.begin());
    });
    both("quantize", [&](const Kernels& k, auto& h) {
        std::vector<float> whole = x;
        whole.resize(kCols);
        const Quantized row = quantized(k, whole.data());
        for (size_t i = 0; i < h.size(); ++i) h[i] = static_cast<float>(128 * row.hi[i] + row.lo[i]);
    });
}

void check(const Kernels& kernels) {
    const auto x = random_floats(kCols * 40);
    for (int type = 0; type < kQuantTypes; ++type) {
        if (kernels.matvec[type] == nullptr) continue;
        const auto weights = random_weights(kRows * kCols / kChunk * kBlockBytesMax);
        compare(kernels.name, "matvec", type, matvec(kernels, type, weights, x),
                matvec(kScalarKernels, type, weights, x), 2e-6f);
        compare(kernels.name, "unpack", type, unpacked(kernels, type, weights),
                unpacked(kScalarKernels, type, weights), 2e-7f);
    }
    const auto weights = random_floats(kCols * kPanelRows);
    for (const int64_t n_tokens : {1, 8, 9, 33})
        compare(kernels.name, "gemm", static_cast<int>(n_tokens), gemm(kernels, weights, x, n_tokens),
                gemm(kScalarKernels, weights, x, n_tokens), 2e-6f);
    const auto cache = random_weights(80 * 40 * sizeof(float));
    for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kQ8, KvType::kInt4})
        compare(kernels.name, "attend", static_cast<int>(type), attended(kernels, type, cache),
                attended(kScalarKernels, type, cache), 4e-6f);
    check_rows(kernels);
}

}  // namespace
}  // namespace airframe::cpu

int main() {
    airframe::cpu::check(airframe::cpu::kNeonKernels);
    airframe::cpu::check(airframe::cpu::kNeonDotKernels);
    std::printf("%d comparisons, %d differences\n", airframe::cpu::n_checks, airframe::cpu::n_faults);
    return airframe::cpu::n_faults == 0 && airframe::cpu::n_checks > 0 ? 0 : 1;
}
