#include "airframe/text/bpe.h"

#include <algorithm>
#include <functional>

#include "airframe/text/byte_level.h"
#include "base/log.h"

namespace airframe {
namespace {

using base::Result;

constexpr std::string_view kMergesKey = "tokenizer.ggml.merges";
constexpr size_t kShortSymbols = 40;  // up to here a scan beats a heap
constexpr TokenId kGone = INT32_MIN;  // a symbol that was merged into its left neighbour

// A merge as it stands in the file, "left right", as the texts of its parts, one after the other.
struct MergeText {
    std::string both;
    size_t left_bytes = 0;

    // False when the line is no merge.
    bool read(std::string_view line, TokenizerKind kind) {
        const size_t space = line.find(' ', 1);
        if (space == std::string_view::npos || space + 1 == line.size()) return false;
        both.clear();
        if (!append(line.substr(0, space), kind)) return false;
        left_bytes = both.size();
        return append(line.substr(space + 1), kind);
    }
    std::string_view left() const { return std::string_view(both).substr(0, left_bytes); }
    std::string_view right() const { return std::string_view(both).substr(left_bytes); }

  private:
    bool append(std::string_view part, TokenizerKind kind) {
        if (kind == TokenizerKind::kByteBpe) return append_byte_level(part, both);
        append_with_spaces(part, both);
        return true;
    }
};

}  // namespace

void MergeTable::reserve(size_t merges) {
    rules_.reserve(merges);
    slots_.assign(std::bit_ceil(merges * 2 + 2), kEmpty);
}

void MergeTable::add(const Rule& rule) {
    uint64_t& slot = slots_[slot_of(rule.left, rule.right)];
    if (slot != kEmpty) return;  // the first of two equal merges has the lower rank
    slot = (hash_of(rule.left, rule.right) >> 32 << 32) | rules_.size();
    rules_.push_back(rule);
}

Result<MergeTable> MergeTable::load(const Metadata& metadata, const Vocab& vocab, TokenizerKind kind) {
    TRY(const auto lines, metadata.get_strings(kMergesKey));
    if (!lines) {
        auto error = base::fail(base::ErrorCode::kBadFile, "{} is missing: a byte-pair vocabulary needs it",
                                kMergesKey);
        error.error().param = kMergesKey;
        return error;
    }
    MergeTable table;
    table.reserve(lines->size());
    MergeText text;
    size_t unusable = 0;
    for (const std::string_view line : *lines) {
        Rule rule{-1, -1, -1};
        if (text.read(line, kind))
            rule = {vocab.find_text(text.left()), vocab.find_text(text.right()), vocab.find_text(text.both)};
        if (rule.left >= 0 && rule.right >= 0 && rule.merged >= 0)
            table.add(rule);
        else
            ++unusable;
    }
    if (unusable > 0)
        base::log_warn("{}: {} of {} merges do not join two tokens into a third: left out", kMergesKey,
                       unusable, lines->size());
    return table;
}

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
