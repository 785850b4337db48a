#include "airframe/text/charsmap.h"

#include <cstring>

namespace airframe {
namespace {

using base::Result;

constexpr std::string_view kKey = "tokenizer.ggml.precompiled_charsmap";

// The fields of a unit of the double array.
constexpr bool has_leaf(uint32_t unit) { return (unit >> 8 & 1) != 0; }
constexpr uint32_t value_of(uint32_t unit) { return unit & 0x7fffffffu; }
constexpr uint32_t label_of(uint32_t unit) { return unit & 0x800000ffu; }
constexpr uint32_t offset_of(uint32_t unit) { return (unit >> 10) << ((unit & (1u << 9)) >> 6); }

std::unexpected<base::Error> damaged(std::string_view what) {
    auto error = base::fail(base::ErrorCode::kBadFile, "{} {}", kKey, what);
    error.error().param = kKey;
    return error;
}

}  // namespace

Result<Charsmap> Charsmap::load(const Metadata& metadata) {
    Charsmap map;
    const MetaValue* value = metadata.find(kKey);
    if (value == nullptr) return map;
    if (value->type != MetaType::kArray ||
        (value->elem_type != MetaType::kU8 && value->elem_type != MetaType::kI8))
        return damaged("is no list of bytes");
    if (value->bytes.empty()) return map;
    uint32_t trie_bytes = 0;
    if (value->bytes.size() < sizeof trie_bytes) return damaged("is too short for its own length");
    std::memcpy(&trie_bytes, value->bytes.data(), sizeof trie_bytes);
    const auto rest = value->bytes.subspan(sizeof trie_bytes);
    if (trie_bytes % 4 != 0 || trie_bytes > rest.size())
        return damaged(fmt::format("says its trie has {} bytes, but {} follow", trie_bytes, rest.size()));
    map.units_.resize(trie_bytes / 4);
    if (trie_bytes > 0) std::memcpy(map.units_.data(), rest.data(), trie_bytes);
    map.replacements_.assign(reinterpret_cast<const char*>(rest.data()) + trie_bytes,
                             rest.size() - trie_bytes);
    return map;
}

Charsmap::Match Charsmap::longest_prefix(std::string_view text) const {
    Match longest;
    if (units_.empty()) return longest;
    uint32_t at = offset_of(units_[0]);
    for (size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        at ^= byte;
        if (byte == 0 || at >= units_.size() || label_of(units_[at]) != byte) break;
        const uint32_t unit = units_[at];
        at ^= offset_of(unit);
        if (!has_leaf(unit) || at >= units_.size()) continue;
        const uint32_t begin = value_of(units_[at]);
        if (begin >= replacements_.size()) continue;
        const std::string_view replacement = std::string_view(replacements_).substr(begin);
        longest = {i + 1, replacement.substr(0, replacement.find('\0'))};
    }
    return longest;
}

}  // namespace airframe
