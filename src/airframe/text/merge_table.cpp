#include "airframe/text/merge_table.h"

#include <array>
#include <span>
#include <string>

#include "airframe/text/byte_level.h"
#include "base/log.h"

namespace airframe {
namespace {

using base::Result;

constexpr std::string_view kMergesKey = "tokenizer.ggml.merges";

// Turns lines "left right" into rules, a block at a time: a file has half a million merges, each needs three
// lookups in tables far larger than the caches, and a block of lookups is fetched together.
class RuleReader {
  public:
    static constexpr size_t kBlock = 32;

    RuleReader(const Vocab& vocab, TokenizerKind kind) : vocab_(vocab), kind_(kind) {}

    // The rules of up to kBlock lines; -1 as merged token for a line that joins no two tokens into a third.
    std::span<const MergeTable::Rule> read(std::span<const std::string_view> lines) {
        size_t bytes = 0;
        for (const auto line : lines) bytes += line.size();
        texts_.resize(bytes);
        keys_.clear();
        char* out = texts_.data();
        for (size_t i = 0; i < lines.size(); ++i) {
            merges_[i] = parse(lines[i], out);
            vocab_.by_text().prefetch(keys_.emplace_back(merges_[i].left()));
            vocab_.by_text().prefetch(keys_.emplace_back(merges_[i].right()));
            out += merges_[i].both.size();
        }
        for (size_t i = 0; i < lines.size(); ++i)
            rules_[i] = resolve(merges_[i].both, keys_[2 * i], keys_[2 * i + 1]);
        return {rules_.data(), lines.size()};
    }

  private:
    struct Merge {
        std::string_view both;  // the two texts, one after the other; empty for a line that is no merge
        size_t left_bytes = 0;

        std::string_view left() const { return both.substr(0, left_bytes); }
        std::string_view right() const { return both.substr(left_bytes); }
    };

    Merge parse(std::string_view line, char* out) const {
        const size_t space = line.find(' ', 1);
        if (space == std::string_view::npos || space + 1 == line.size()) return {};
        const char* left_end = write(line.substr(0, space), out);
        if (left_end == nullptr) return {};
        const char* end = write(line.substr(space + 1), out + (left_end - out));
        if (end == nullptr) return {};
        return {{out, end}, static_cast<size_t>(left_end - out)};
    }
    char* write(std::string_view part, char* out) const {
        return kind_ == TokenizerKind::kByteBpe ? write_byte_level(part, out) : write_with_spaces(part, out);
    }

    MergeTable::Rule resolve(std::string_view text, const PieceKey& left, const PieceKey& right) {
        constexpr MergeTable::Rule kNone{-1, -1, -1};
        if (text.empty()) return kNone;
        const TokenId left_id = vocab_.by_text().find(left);
        const TokenId right_id = vocab_.by_text().find(right);
        if (left_id < 0 || right_id < 0) return kNone;
        // Vocabularies are numbered as they were merged: the result is mostly that of the line before, or the
        // next.
        if (merged_ + 1 < vocab_.size() && vocab_.text(merged_) != text && vocab_.text(merged_ + 1) == text)
            ++merged_;
        const bool foreseen = vocab_.text(merged_) == text && is_ordinary(vocab_.kind(merged_));
        const TokenId id = foreseen ? merged_ : vocab_.find_text(text);
        if (id < 0) return kNone;
        merged_ = id;
        return {left_id, right_id, id};
    }

    const Vocab& vocab_;
    const TokenizerKind kind_;
    std::string texts_;  // of the block's merges
    std::array<Merge, kBlock> merges_;
    std::vector<PieceKey> keys_;  // left and right of each
    std::array<MergeTable::Rule, kBlock> rules_;
    TokenId merged_ = 0;  // the result of the merge before
};

}  // namespace

void MergeTable::reserve(size_t merges) {
    rules_.reserve(merges);
    slots_.assign(std::bit_ceil(merges * 2 + 2), kEmpty);
}

void MergeTable::prefetch(const Rule& rule) const {
    __builtin_prefetch(&slots_[hash_of(rule.left, rule.right) & (slots_.size() - 1)]);
}

void MergeTable::add(const Rule& rule) {
    uint64_t& slot = slots_[slot_of(rule.left, rule.right)];
    if (slot != kEmpty) return;  // the first of two equal merges has the lower rank
    slot = (hash_of(rule.left, rule.right) >> 32 << 32) | rules_.size();
    rules_.push_back(rule);
}

Result<MergeTable> MergeTable::load(const Metadata& metadata, const Vocab& vocab, TokenizerKind kind) {
    TRY(const auto found, metadata.get_strings(kMergesKey));
    if (!found) {
        auto error = base::fail(base::ErrorCode::kBadFile, "{} is missing: a byte-pair vocabulary needs it",
                                kMergesKey);
        error.error().param = kMergesKey;
        return error;
    }
    MergeTable table;
    table.reserve(found->size());
    RuleReader reader(vocab, kind);
    size_t unusable = 0;
    for (std::span<const std::string_view> lines(*found); !lines.empty();) {
        const auto block = lines.first(std::min(lines.size(), RuleReader::kBlock));
        const auto rules = reader.read(block);
        for (const Rule& rule : rules) table.prefetch(rule);
        for (const Rule& rule : rules) {
            if (rule.merged >= 0)
                table.add(rule);
            else
                ++unusable;
        }
        lines = lines.subspan(block.size());
    }
    if (unusable > 0)
        base::log_warn("{}: {} of {} merges do not join two tokens into a third: left out", kMergesKey,
                       unusable, found->size());
    return table;
}

}  // namespace airframe
