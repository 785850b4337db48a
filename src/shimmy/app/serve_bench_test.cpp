#include "shimmy/app/serve_bench.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "airframe/model/make_model.h"
#include "base/test_dir.h"

namespace shimmy {
namespace {

std::unique_ptr<airframe::Engine> small_engine(const std::filesystem::path& path) {
    airframe::ModelShape shape = **airframe::find_shape("tinyllama-1.1b");
    shape.n_layers = 1;
    shape.dim = shape.ffn_dim = 128;
    shape.n_heads = shape.n_kv_heads = 2;
    shape.vocab = 288;
    shape.ctx_tokens = 512;
    EXPECT_TRUE(airframe::make_model(shape, **airframe::find_mix("Q8_0"), path, {}));
    auto file = airframe::GgufFile::open(path);
    EXPECT_TRUE(file);
    auto tokenizer = airframe::Tokenizer::create(file->metadata());
    auto model = airframe::Model::load(*std::move(file), *airframe::make_backend("cpu", {.threads = 1}), {});
    EXPECT_TRUE(tokenizer && model);
    auto engine = airframe::Engine::create(*std::move(model), *std::move(tokenizer), {});
    EXPECT_TRUE(engine);
    return *std::move(engine);
}

TEST(ServeBench, CountsWhatTheStreamsSaw) {
    const base::TestDir dir;
    const auto path = dir / "serve_bench.gguf";
    const auto engine = small_engine(path);
    const auto load = measure_load(*engine, 3, {20, 10});
    ASSERT_TRUE(load) << load.error().message;
    EXPECT_EQ(load->streams, 3u);
    EXPECT_NEAR(load->output_tokens_per_s * load->seconds, 30, 1e-6);
    EXPECT_NEAR(load->all_tokens_per_s * load->seconds, 90, 1e-6);
    EXPECT_GT(load->first_token_s.p50, 0);
    EXPECT_LE(load->first_token_s.p50, load->first_token_s.p99);
    EXPECT_LE(load->between_tokens_s.p99, load->between_tokens_s.max);
    EXPECT_LE(load->between_tokens_s.max, load->seconds);

    const auto beside = measure_long_prompt(*engine, 2, 200);
    ASSERT_TRUE(beside) << beside.error().message;
    EXPECT_GT(beside->first_token_s, 0);
    EXPECT_GT(beside->quiet_median_s, 0);

    const auto refused = measure_load(*engine, 1, {5000, 10});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, base::ErrorCode::kContextLength);
}

TEST(ServeBench, PlotsEachLoad) {
    const std::string svg = throughput_svg(
        "a <b> & c", {{.streams = 1, .output_tokens_per_s = 10}, {.streams = 8, .output_tokens_per_s = 40}});
    EXPECT_TRUE(svg.starts_with("<svg "));
    EXPECT_NE(svg.find("a &lt;b> &amp; c"), std::string::npos);
    size_t circles = 0;
    for (size_t at = svg.find("<circle"); at != std::string::npos; at = svg.find("<circle", at + 1))
        ++circles;
    EXPECT_EQ(circles, 2u);
}

}  // namespace
}  // namespace shimmy
