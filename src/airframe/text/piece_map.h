// Two containers of a vocabulary that hold no string of their own per token: StringTable (all strings in one
// block) and PieceMap (string -> id, open addressing over a StringTable). Built once, then read by any
// thread.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace airframe {

// A list of strings in one block of memory. REQUIRES: less than 4 GiB in all.
class StringTable {
  public:
    void reserve(size_t strings, size_t bytes) {
        ends_.reserve(strings);
        bytes_.reserve(bytes);
    }
    void add(std::string_view text) {
        bytes_ += text;
        close();
    }
    // Building a string in place: append to building(), then close() it.
    std::string& building() { return bytes_; }
    void close() { ends_.push_back(static_cast<uint32_t>(bytes_.size())); }

    size_t size() const { return ends_.size(); }
    std::string_view operator[](size_t index) const {
        const uint32_t begin = index == 0 ? 0 : ends_[index - 1];
        return {bytes_.data() + begin, ends_[index] - begin};
    }

  private:
    std::string bytes_;
    std::vector<uint32_t> ends_;
};

// A 64-bit hash for short strings: 8 bytes at a time through a 128-bit product.
inline uint64_t hash_bytes(std::string_view text) {
    const auto mix = [](uint64_t a, uint64_t b) {
        const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
        return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
    };
    uint64_t hash = 0x9e3779b97f4a7c15u ^ text.size();
    const char* at = text.data();
    size_t left = text.size();
    for (; left > 8; left -= 8, at += 8) {
        uint64_t word;
        std::memcpy(&word, at, 8);
        hash = mix(hash ^ word, 0xd6e8feb86659fd93u);
    }
    uint64_t word = 0;
    if (left > 0) std::memcpy(&word, at, left);
    return mix(hash ^ word, 0xa0761d6478bd642fu);
}

class PieceMap {
  public:
    // `texts` must outlive the map and stay where it is.
    void build(const StringTable& texts, size_t entries_max) {
        texts_ = &texts;
        slots_.assign(std::bit_ceil(entries_max * 2 + 2), 0);
    }

    // Adds texts[id]; false when that string is there already (the first id stays).
    bool add(int32_t id) {
        const std::string_view text = (*texts_)[id];
        const uint64_t hash = hash_bytes(text);
        uint64_t& slot = slots_[slot_of(text, hash)];
        if (slot != 0) return false;
        slot = tag_of(hash) | static_cast<uint32_t>(id + 1);
        if (text.size() > longest_bytes_) longest_bytes_ = text.size();
        return true;
    }

    // The id of `text`, or -1.
    int32_t find(std::string_view text) const {
        if (text.size() > longest_bytes_) return -1;
        return static_cast<int32_t>(static_cast<uint32_t>(slots_[slot_of(text, hash_bytes(text))])) - 1;
    }

    size_t longest_bytes() const { return longest_bytes_; }

  private:
    static uint64_t tag_of(uint64_t hash) { return hash & 0xffffffff00000000u; }

    // Where `text` is, or the empty slot where it belongs.
    size_t slot_of(std::string_view text, uint64_t hash) const {
        const size_t mask = slots_.size() - 1;
        for (size_t at = hash & mask;; at = (at + 1) & mask) {
            const uint64_t slot = slots_[at];
            if (slot == 0) return at;
            if (tag_of(slot) == tag_of(hash) && (*texts_)[static_cast<uint32_t>(slot) - 1] == text) return at;
        }
    }

    const StringTable* texts_ = nullptr;
    std::vector<uint64_t> slots_;  // upper half: tag of the hash; lower half: id + 1, or 0 for an empty slot
    size_t longest_bytes_ = 0;
};

}  // namespace airframe
