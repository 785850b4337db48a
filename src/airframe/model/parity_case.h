// The tiny models of the shared test data with an independent float64 reference's logits, and the bars that a
// fast backend has to keep to. For tests.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace airframe {

struct ParityCase {
    std::string file;
    std::vector<int32_t> tokens;
    std::vector<float> logits;  // [positions, vocab]
    size_t prompt_tokens = 0, positions = 0, vocab = 0;
    std::vector<double> margins;
    double peer_kl_mean = 0;
    bool quantised = false, k_quant = false, experts = false;
};

std::vector<ParityCase> read_parity_cases(const std::filesystem::path& dir);

// Where the greedy choice differs although the reference's lead over the second best exceeds 0.1; empty:
// nowhere.
std::string greedy_faults(const ParityCase& c, std::span<const float> got);

// What logits [positions, vocab] of a fast backend break of the bars that parity_test.cpp names; empty:
// nothing.
std::string parity_faults(const ParityCase& c, std::span<const float> got);

}  // namespace airframe
