#include "airframe/gguf/split.h"

#include <algorithm>

namespace airframe {
namespace {

using base::ErrorCode;
using base::fail;
using base::Result;

bool is_digits(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// A count at `key` from 0 to `max`; 0 when the key is absent.
Result<uint64_t> count_at(const Metadata& metadata, std::string_view key, int64_t max) {
    TRY(const auto value, metadata.get_int(key));
    if (value && (*value < 0 || *value > max))
        return fail(ErrorCode::kBadFile, "metadata key '{}' is {}: it must be from 0 to {}", key, *value,
                    max);
    return static_cast<uint64_t>(value.value_or(0));
}

}  // namespace

Result<std::optional<SplitInfo>> split_of(const Metadata& metadata) {
    TRY(const auto no, count_at(metadata, "split.no", 99999));  // the file names have five digits
    TRY(const auto count, count_at(metadata, "split.count", 99999));
    TRY(const auto n_tensors, count_at(metadata, "split.tensors.count", INT32_MAX));
    if (metadata.find("split.count") == nullptr || count == 0) return std::nullopt;
    if (no >= count)
        return fail(ErrorCode::kBadFile, "the file says it is part {} of {} (split.no {}, split.count {})",
                    no + 1, count, no, count);
    if (count == 1) return std::nullopt;
    return SplitInfo{static_cast<uint32_t>(no), static_cast<uint32_t>(count), n_tensors};
}

std::optional<std::filesystem::path> part_path(const std::filesystem::path& any_part, uint32_t no,
                                               uint32_t count) {
    const std::string name = any_part.filename().string();
    const std::string tail = fmt::format("-of-{:05}.gguf", count);
    constexpr size_t kNumberBytes = 6;  // "-00001"
    if (name.size() < tail.size() + kNumberBytes || !name.ends_with(tail)) return std::nullopt;
    const size_t stem = name.size() - tail.size() - kNumberBytes;
    if (name[stem] != '-' || !is_digits(std::string_view(name).substr(stem + 1, kNumberBytes - 1)))
        return std::nullopt;
    return any_part.parent_path() / fmt::format("{}-{:05}{}", name.substr(0, stem), no + 1, tail);
}

}  // namespace airframe
