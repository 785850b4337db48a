#include "airframe/model/placement.h"

#include <gtest/gtest.h>

namespace airframe {
namespace {

// One digit for each: the embeddings, the layers' attention, the head.
std::string digits(const Placement& placement) {
    std::string text(1, static_cast<char>('0' + placement.embedding));
    for (const Placement::Layer& layer : placement.layers) text += static_cast<char>('0' + layer.attn);
    return text + static_cast<char>('0' + placement.head);
}

TEST(Placement, TheLastLayersGoToTheGpuTheOutputBeingOneMore) {
    const auto with = [](uint32_t n) {
        return digits(split_layers({.n_layers = 3, .on_gpus = n, .proportions = {1}}));
    };
    EXPECT_EQ(with(0), "11111");
    EXPECT_EQ(with(1), "11110");
    EXPECT_EQ(with(2), "11100");
    EXPECT_EQ(with(3), "11000");
    EXPECT_EQ(with(4), "00000");
    EXPECT_EQ(with(99), "00000");
}

TEST(Placement, SeveralGpusShareThemByProportion) {
    const auto with = [](std::vector<double> proportions, uint32_t n = 8) {
        return digits(split_layers({.n_layers = 7, .on_gpus = n, .proportions = std::move(proportions)}));
    };
    EXPECT_EQ(with({1, 1}), "000001111");
    EXPECT_EQ(with({3, 1}), "000000011");
    EXPECT_EQ(with({0, 1}), "111111111");
    EXPECT_EQ(with({1, 0}), "000000000");
    EXPECT_EQ(with({2, 1, 1}), "000001122");
    EXPECT_EQ(with({1, 1}, 4), "222220011");
}

TEST(Placement, ExpertsMayStayBehind) {
    const Placement placement =
        split_layers({.n_layers = 2, .on_gpus = 9, .proportions = {1}, .ffn_on_host = {true, true}});
    for (const Placement::Layer& layer : placement.layers) EXPECT_EQ(layer, (Placement::Layer{0, 1}));
    EXPECT_TRUE(placement.uses(1));
    EXPECT_FALSE(placement.attends(1));
}

TEST(Placement, TensorsBelongToPartsByTheirNames) {
    const Placement placement{.embedding = 1, .head = 2, .layers = {{3, 4}, {5, 6}}};
    const auto home = [&](std::string_view name) { return backend_of(placement, part_of(name)); };
    EXPECT_EQ(home("token_embd.weight"), 1);
    EXPECT_EQ(home("token_embd_norm.weight"), 1);
    EXPECT_EQ(home("position_embd.weight"), 1);
    EXPECT_EQ(home("output.weight"), 2);
    EXPECT_EQ(home("output_norm.weight"), 2);
    EXPECT_EQ(home("blk.0.attn_q.weight"), 3);
    EXPECT_EQ(home("blk.0.ffn_gate_exps.weight"), 4);
    EXPECT_EQ(home("blk.1.post_attention_norm.weight"), 5);
    EXPECT_EQ(home("blk.1.ffn_norm.weight"), 6);
    EXPECT_EQ(home("blk.1.post_ffw_norm.weight"), 6);
    for (const char* odd : {"blk.7.ffn_up.weight", "blk.x.ffn_up.weight", "blk.", "blk.1", "", "cls.weight"})
        EXPECT_EQ(home(odd), 2) << odd;
}

}  // namespace
}  // namespace airframe
