#include "airframe/text/bpe_merger.h"

#include <algorithm>
#include <functional>

namespace airframe {
namespace {

constexpr size_t kShortSymbols = 40;  // up to here a scan beats a heap
constexpr TokenId kGone = INT32_MIN;  // a symbol that was merged into its left neighbour

}  // namespace

void BpeMerger::merge(std::vector<TokenId>& symbols) {
    if (symbols.size() <= kShortSymbols)
        merge_short(symbols);
    else
        merge_long(symbols);
}

void BpeMerger::merge_short(std::vector<TokenId>& symbols) {
    if (symbols.size() < 2) return;
    const auto rank_at = [&](size_t at) { return table_.rank(symbols[at], symbols[at + 1]); };
    ranks_.resize(symbols.size() - 1);
    for (size_t at = 0; at + 1 < symbols.size(); ++at) ranks_[at] = rank_at(at);
    while (!ranks_.empty()) {
        const auto least = std::ranges::min_element(ranks_);
        if (*least == MergeTable::kNoRank) return;
        const auto at = static_cast<size_t>(least - ranks_.begin());
        symbols[at] = table_.rule(*least).merged;
        symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(at) + 1);
        ranks_.erase(least);
        if (at > 0) ranks_[at - 1] = rank_at(at - 1);
        if (at < ranks_.size()) ranks_[at] = rank_at(at);
    }
}

void BpeMerger::push_pair(const std::vector<TokenId>& symbols, uint32_t at) {
    const uint32_t rank = table_.rank(symbols[at], symbols[next_[at]]);
    if (rank == MergeTable::kNoRank) return;
    heap_.push_back((static_cast<uint64_t>(rank) << 32) | at);
    std::ranges::push_heap(heap_, std::greater{});
}

void BpeMerger::merge_long(std::vector<TokenId>& symbols) {
    const auto end = static_cast<uint32_t>(symbols.size());
    next_.resize(end);
    prev_.resize(end);
    heap_.clear();
    for (uint32_t at = 0; at < end; ++at) {
        next_[at] = at + 1;
        prev_[at] = at - 1;  // of the first: never followed
        if (at + 1 == end) break;
        const uint32_t rank = table_.rank(symbols[at], symbols[at + 1]);
        if (rank != MergeTable::kNoRank) heap_.push_back((static_cast<uint64_t>(rank) << 32) | at);
    }
    std::ranges::make_heap(heap_, std::greater{});
    while (!heap_.empty()) {
        std::ranges::pop_heap(heap_, std::greater{});
        const auto at = static_cast<uint32_t>(heap_.back());
        const MergeTable::Rule& rule = table_.rule(static_cast<uint32_t>(heap_.back() >> 32));
        heap_.pop_back();
        const uint32_t right = next_[at];
        // The pair may have been merged away since it was put here.
        if (symbols[at] != rule.left || right == end || symbols[right] != rule.right) continue;
        symbols[at] = rule.merged;
        symbols[right] = kGone;
        next_[at] = next_[right];
        if (next_[at] != end) {
            prev_[next_[at]] = at;
            push_pair(symbols, at);
        }
        if (at > 0) push_pair(symbols, prev_[at]);
    }
    std::erase(symbols, kGone);
}

}  // namespace airframe
