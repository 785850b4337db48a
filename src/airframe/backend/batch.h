// Batch: the rows of one forward pass, prompt chunks and single decode steps of many sequences mixed.
#pragma once

#include <cstdint>
#include <span>

namespace airframe {

// Consecutive rows of one sequence.
struct BatchSlice {
    int32_t first_row;
    int32_t n_rows;
    int32_t kv_tokens;               // tokens of the sequence already stored before this batch
    std::span<const int32_t> pages;  // page table of the sequence: position p lies in pages[p / page_tokens]
};

// Invariant: slices cover the rows in order without gaps; positions of a slice are kv_tokens, kv_tokens + 1,
// …
struct Batch {
    std::span<const int32_t> tokens;     // [rows]
    std::span<const int32_t> positions;  // [rows]
    std::span<const BatchSlice> slices;
    std::span<const int32_t> logit_rows;  // rows whose logits are wanted, ascending
    // [rows], of encoders: 1 for rows of the second text of a pair. Empty: there are no pairs.
    std::span<const uint8_t> segments = {};
};

}  // namespace airframe
