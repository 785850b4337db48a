// Byte-pair merging of one piece of text by rank, whatever the symbols are.
// Method: Sennrich, Haddow, Birch (2016), with a heap where pieces are long: O(n log n).
#pragma once

#include <cstdint>
#include <vector>

#include "airframe/text/merge_table.h"

namespace airframe {

// Merges the symbols of one piece in place until nothing more merges. Negative symbols never merge.
// O(n log n); scratch memory is kept between calls. One thread.
class BpeMerger {
  public:
    explicit BpeMerger(const MergeTable& table) : table_(table) {}
    void merge(std::vector<TokenId>& symbols);

  private:
    void merge_short(std::vector<TokenId>& symbols);
    void merge_long(std::vector<TokenId>& symbols);
    void push_pair(const std::vector<TokenId>& symbols, uint32_t at);

    const MergeTable& table_;
    std::vector<uint32_t> ranks_;        // merge_short: of each neighbouring pair
    std::vector<uint32_t> next_, prev_;  // merge_long: a linked list over the symbols
    std::vector<uint64_t> heap_;         // merge_long: (rank, place), the least on top
};

}  // namespace airframe
