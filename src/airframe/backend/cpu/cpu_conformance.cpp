// The cpu backend in the conformance test: once for each instruction set of this processor. And its own
// options.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "airframe/backend/conformance_backends.h"
#include "airframe/backend/cpu/cpu_backend.h"

namespace airframe {
namespace {

// Block formats on a few rows: activations of 15 bits per block of 32. The step is peak / 16256, its error
// step / sqrt(12): with a peak of 3 sigma 5e-5, and two to three times that in blocks whose peak is an
// outlier.
constexpr double kFifteenBitBound = 2e-4;
// Block formats on many rows of an instruction set with tiles: both factors are rounded to bf16, each with an
// error of up to 2^-9 (0.0011 rms, 0.0016 for the product).
constexpr double kTileBound = 4e-3;

}  // namespace

std::vector<std::string> conformance_names() {
    const auto isas = cpu_isas_present();
    return {isas.begin(), isas.end()};
}

std::optional<std::string> why_absent() { return {}; }

std::shared_ptr<Backend> conformance_backend(const std::string& name, const BackendOptions& options) {
    BackendOptions with_isa = options;
    with_isa.isa = name;
    return make_cpu_backend(with_isa).value();
}

double conformance_product_bound(const std::string& name) {
    return name == "amx" ? kTileBound : kFifteenBitBound;
}

// Computed as f32: sums of up to a few thousand products, each rounded to 2^-24.
double conformance_short_float_bound(const std::string&) { return 3e-6; }

// Keys that lie between two levels of their type may round differently after an f32 rotation.
double conformance_short_cache_bound(const std::string&) { return 1e-4; }

int faults_seen() { return 0; }

namespace {

TEST(CpuBackend, TakesItsInstructionSetFromOptionsThenFromTheEnvironment) {
    setenv("SHIMMY_CPU_ISA", "scalar", 1);
    EXPECT_THAT(std::string(make_cpu_backend({.threads = 1}).value()->description()),
                testing::HasSubstr("no vector instructions, 1 thread"));
    setenv("SHIMMY_CPU_ISA", "mmx", 1);
    const auto unknown = make_cpu_backend({});
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, base::ErrorCode::kInvalidArgument);
    EXPECT_THAT(unknown.error().message, testing::HasSubstr("scalar"));
    EXPECT_TRUE(make_cpu_backend({.isa = "scalar"}));
    unsetenv("SHIMMY_CPU_ISA");
}

TEST(CpuBackend, RefusesNegativeThreads) {
    const auto threads = make_cpu_backend({.threads = -1});
    ASSERT_FALSE(threads);
    EXPECT_THAT(threads.error().message, testing::HasSubstr("-1"));
}

}  // namespace
}  // namespace airframe
