#include "airframe/backend/cpu/isa.h"

#include <array>
#include <string>

#include "base/system.h"

namespace airframe::cpu {

extern const Kernels kScalarKernels;
#if defined(__x86_64__)
extern const Kernels kAvx2Kernels;
extern const Kernels kAvxVnniKernels;
extern const Kernels kAvx512Kernels;
extern const Kernels kAvx512VnniKernels;
extern const Kernels kAmxKernels;
#elif defined(__aarch64__)
extern const Kernels kNeonKernels;
extern const Kernels kNeonDotKernels;
#endif

namespace {

#if defined(__x86_64__)
bool has_avx2() {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}
bool has_avxvnni() { return has_avx2() && __builtin_cpu_supports("avxvnni"); }
bool has_avx512() {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
bool has_avx512vnni() { return has_avx512() && __builtin_cpu_supports("avx512vnni"); }
bool has_amx() {
    static const bool allowed = has_avx512vnni() && __builtin_cpu_supports("avx512vbmi") &&
                                __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("amx-tile") &&
                                __builtin_cpu_supports("amx-bf16") && base::allow_tiles();
    return allowed;
}
#endif

constexpr std::array kIsas = std::to_array<Isa>({
#if defined(__x86_64__)
    {"amx", "AMX tiles and AVX-512 with VNNI", &kAmxKernels, has_amx, true},
    {"avx512vnni", "AVX-512 with VNNI", &kAvx512VnniKernels, has_avx512vnni},
    {"avx512", "AVX-512", &kAvx512Kernels, has_avx512},
    {"avxvnni", "AVX2 with VNNI", &kAvxVnniKernels, has_avxvnni},
    {"avx2", "AVX2", &kAvx2Kernels, has_avx2},
#elif defined(__aarch64__)
    {"neondot", "NEON with dot products", &kNeonDotKernels, base::has_dot_products},
    {"neon", "NEON", &kNeonKernels, [] { return true; }},
#endif
    {"scalar", "no vector instructions", &kScalarKernels, [] { return true; }},
});

std::string names_present() {
    std::string names;
    for (const Isa& isa : kIsas)
        if (isa.present()) names += (names.empty() ? "" : ", ") + std::string(isa.name);
    return names;
}

}  // namespace

std::span<const Isa> all_isas() { return kIsas; }

base::Result<const Isa*> choose_isa(std::string_view name) {
    for (const Isa& isa : kIsas) {
        if (name.empty() ? isa.present() && !isa.on_request : isa.name == name) {
            if (isa.present()) return &isa;
            return base::fail(base::ErrorCode::kUnsupported,
                              "this processor has no {} (instruction set \"{}\"); it has: {}", isa.title,
                              name, names_present());
        }
    }
    return base::fail(base::ErrorCode::kInvalidArgument,
                      "no instruction set is called \"{}\"; this processor has: {}", name, names_present());
}

}  // namespace airframe::cpu
