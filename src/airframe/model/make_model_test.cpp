// Made models of every shape's kind, in every mix: they load, and the fast backend agrees with the reference
// on them. So each format runs through each structure (fused matrices, experts, windows, biases) without a
// file from elsewhere.
#include "airframe/model/make_model.h"

#include <gtest/gtest.h>

#include <numeric>

#include "airframe/model/logit_distance.h"
#include "airframe/model/quantize.h"
#include "airframe/model/run_tokens.h"
#include "airframe/model/small_shape.h"
#include "base/system.h"
#include "base/test_dir.h"

namespace airframe {
namespace {

std::vector<float> logits_of(const std::filesystem::path& path, std::string_view backend_name, KvType kv_type,
                             std::string_view device = {}) {
    const auto load_and_run = [&]() -> base::Result<std::vector<float>> {
        TRY(auto file, GgufFile::open(path));
        TRY(auto backend, make_backend(backend_name, {.threads = 2, .device = device}));
        TRY(auto model,
            Model::load(std::move(file), std::move(backend), {.batch_rows_max = 32, .logit_rows_max = 32}));
        std::vector<int32_t> tokens(24);
        for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<int32_t>(7 + i * 37 % 251);
        return run_tokens(*model, tokens, {.kv_type = kv_type});
    };
    auto logits = load_and_run();
    if (logits) return *std::move(logits);
    ADD_FAILURE() << logits.error().message;
    return {};
}

// One shape of each structure: split and fused matrices, tied heads, experts, windows, biases, learned
// positions.
constexpr const char* kStructures[] = {"tinyllama-1.1b", "llama-3.2-1b", "mixtral-tiny",  "phi-2",
                                       "phi-3.5-mini",   "gemma-2-2b",   "starcoder2-3b", "gpt2",
                                       "qwen2-7b",       "qwen3-0.6b",   "gemma-3-1b",    "qwen3-30b-a3b"};
std::vector<std::string> mix_names() {
    std::vector<std::string> names;
    for (const QuantMix& mix : all_mixes()) names.emplace_back(mix.name);
    return names;
}

class MakeModelTest : public ::testing::TestWithParam<std::string> {
  protected:
    base::TestDir dir_;
    std::filesystem::path path_ = dir_ / "made.gguf";
};

TEST_P(MakeModelTest, EveryShapeAgreesWithTheReference) {
    // Half of what engines with 8-bit activations show on four-bit files (8e-4 nats).
    constexpr double kKlMax = 4e-4;
    for (const char* name : kStructures) {
        SCOPED_TRACE(name);
        const ModelShape& shape = **find_shape(name);
        const auto made = make_model(small(shape), **find_mix(GetParam()), path_, {});
        ASSERT_TRUE(made) << made.error().message;
        const auto want = logits_of(path_, "reference", KvType::kF32),
                   got = logits_of(path_, "cpu", KvType::kF16);
        if (want.empty() || got.empty()) continue;
        const LogitDistance distance = logit_distance(want, got, 288);
        EXPECT_LE(shape.n_experts > 0 ? distance.kl_median : distance.kl_mean, kKlMax);
    }
}

// Its shaders know no ternary blocks: such tensors are converted while they are loaded.
TEST(VulkanMadeModel, TypesThatItLacksAreConverted) {
    const std::string device = base::env("SHIMMY_GPU_DEVICE").value_or("0");
    if (const auto backend = make_backend("vulkan", {.device = device}); !backend) {
        ASSERT_FALSE(base::env("SHIMMY_REQUIRE_VULKAN")) << backend.error().message;
        GTEST_SKIP() << backend.error().message;
    } else {
        ASSERT_FALSE((*backend)->supports(QuantType::kTQ2_0));
    }
    const base::TestDir dir;
    for (const char* name : {"tinyllama-1.1b", "mixtral-tiny"}) {
        SCOPED_TRACE(name);
        const auto path = dir / "ternary.gguf";
        ASSERT_TRUE(make_model(small(**find_shape(name)), **find_mix("TQ2_0"), path, {}));
        const auto want = logits_of(path, "reference", KvType::kF16),
                   got = logits_of(path, "vulkan", KvType::kF16, device);
        ASSERT_EQ(want.size(), got.size());
        EXPECT_LE(logit_distance(want, got, 288).kl_median, 4e-4);
    }
}

INSTANTIATE_TEST_SUITE_P(Mixes, MakeModelTest, ::testing::ValuesIn(mix_names()),
                         [](const auto& info) { return info.param; });

TEST(Quantize, CoarserFormatsLoseMoreAndVectorsStay) {
    const base::TestDir dir;
    const auto shape = find_shape("tinyllama-1.1b");
    ASSERT_TRUE(make_model(small(**shape), **find_mix("F32"), dir / "f32.gguf", {}));
    const auto source = GgufFile::open(dir / "f32.gguf");
    ASSERT_TRUE(source);
    const auto want = logits_of(dir / "f32.gguf", "reference", KvType::kF32);
    double last = 1e9;
    for (const char* name : {"Q2_K", "Q3_K_M", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0", "F16"}) {
        SCOPED_TRACE(name);
        const auto report = quantize_file(*source, **find_mix(name), dir / "out.gguf", {.threads = 2});
        ASSERT_TRUE(report) << report.error().message;
        EXPECT_LT(report->bytes_after, report->bytes_before);
        EXPECT_GT(report->tensors_kept, 0u);  // norms
        const double kl =
            logit_distance(want, logits_of(dir / "out.gguf", "reference", KvType::kF32), 288).kl_mean;
        EXPECT_LT(kl, last);
        last = kl;
    }
    EXPECT_EQ(quantize_file(*source, **find_mix("Q8_0"), dir / "f32.gguf", {}).error().code,
              base::ErrorCode::kInvalidArgument);
    const auto unwritable = quantize_file(*source, **find_mix("IQ2_XXS"), dir / "out.gguf", {});
    ASSERT_FALSE(unwritable);
    EXPECT_NE(unwritable.error().message.find("IQ2_XXS"), std::string::npos);
}

TEST(QuantMix, NamesRulesAndFallbacks) {
    EXPECT_EQ((*find_mix("q4_k_m"))->name, "Q4_K_M");
    EXPECT_NE(find_mix("Q9").error().message.find("Q4_K_M"), std::string::npos);
    const QuantMix& mix = **find_mix("Q4_K_M");
    const auto type = [&](const char* name, int64_t cols, uint32_t dims, bool tied = false) {
        return mixed_type(mix,
                          {.name = name, .cols = cols, .n_dims = dims, .n_layers = 32, .tied_head = tied});
    };
    EXPECT_EQ(type("blk.0.ffn_down.weight", 4096, 2), QuantType::kQ6_K);
    EXPECT_EQ(type("blk.5.ffn_down.weight", 4096, 2), QuantType::kQ4_K);
    EXPECT_EQ(type("blk.6.ffn_down_exps.weight", 4096, 3), QuantType::kQ6_K);
    EXPECT_EQ(type("blk.0.attn_norm.weight", 4096, 1), QuantType::kF32);
    EXPECT_EQ(type("blk.0.ffn_gate_inp.weight", 4096, 2), QuantType::kF32);
    EXPECT_EQ(type("token_embd.weight", 4096, 2), QuantType::kQ4_K);
    EXPECT_EQ(type("token_embd.weight", 4096, 2, true), QuantType::kQ6_K);
    EXPECT_EQ(type("blk.5.attn_q.weight", 576, 2), QuantType::kQ5_0);  // 576 is no multiple of 256
    EXPECT_EQ(type("blk.5.attn_q.weight", 100, 2), QuantType::kF16);
}

}  // namespace
}  // namespace airframe
