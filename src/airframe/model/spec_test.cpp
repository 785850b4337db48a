#include "airframe/model/spec.h"

#include <gtest/gtest.h>

#include "airframe/model/family.h"
#include "base/test_data.h"

namespace airframe {
namespace {

ModelSpec spec_of(const std::filesystem::path& path) {
    auto file = GgufFile::open(path);
    EXPECT_TRUE(file) << file.error().message;
    auto spec = derive_spec(*file);
    EXPECT_TRUE(spec) << spec.error().message;
    return *spec;
}

TEST(Family, NamesAreUniqueAndFound) {
    for (const Family& family : all_families()) EXPECT_EQ(find_family(family.name), &family) << family.name;
    EXPECT_EQ(find_family("mamba"), nullptr);
    EXPECT_EQ(find_family(""), nullptr);
}

TEST(Spec, MetadataSaysHowMuchTheFamilyRowTheRest) {
    REQUIRE_TEST_DATA(data);
    const ModelSpec gemma3 = spec_of(data / "parity/gemma3-Q4_K.gguf");
    EXPECT_EQ(gemma3.attn.window, (std::vector<uint32_t>{16, 16, 16, 16, 16, 0}));
    EXPECT_EQ(gemma3.ends.embed_scale, 16.0f);  // sqrt(256)
    EXPECT_EQ(gemma3.rope.base, 1e6f);
    EXPECT_EQ(gemma3.rope.base_local, 1e4f);
    const ModelSpec mistral = spec_of(data / "parity/mistral-Q4_K.gguf");
    EXPECT_EQ(mistral.attn.head_dim_k, 128u);  // not dim / heads
    EXPECT_EQ(mistral.rope.pairs, RopePairs::kAdjacent);
    const ModelSpec phi2 = spec_of(data / "parity/phi2-Q4_K.gguf");
    EXPECT_EQ(phi2.norm.kind, NormKind::kLayer);
    EXPECT_TRUE(phi2.parallel_residual);
    EXPECT_EQ(phi2.rope.dims, 16u);
    EXPECT_FALSE(spec_of(data / "parity/qwen2moe-Q4_K.gguf").moe.renormalize);
    EXPECT_TRUE(spec_of(data / "parity/qwen3moe-Q4_K.gguf").moe.renormalize);
}

}  // namespace
}  // namespace airframe
