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

// A string with its hash, ready for a lookup: 8 bytes at a time through a 128-bit product.
class PieceKey {
  public:
    explicit PieceKey(std::string_view text) : text_(text) {
        uint64_t hash = 0x9e3779b97f4a7c15u ^ text.size();
        const char* at = text.data();
        size_t left = text.size();
        for (; left > 8; left -= 8, at += 8) hash = mix(hash ^ load(at, 8), 0xd6e8feb86659fd93u);
        const uint64_t tail = load(at, left);
        hash_ = mix(hash ^ tail, 0xa0761d6478bd642fu);
        word_ = is_short() ? tail : hash_;
    }
    std::string_view text() const { return text_; }
    uint64_t hash() const { return hash_; }
    // Up to 8 bytes: the text itself, which then needs no other comparison. Longer: the hash.
    uint64_t word() const { return word_; }
    bool is_short() const { return text_.size() <= 8; }

  private:
    static uint64_t mix(uint64_t a, uint64_t b) {
        const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
        return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
    }
    static uint64_t load(const char* from, size_t bytes) {
        uint64_t word = 0;
        if (bytes > 0) std::memcpy(&word, from, bytes);
        return word;
    }

    std::string_view text_;
    uint64_t hash_, word_;
};

class PieceMap {
  public:
    // `texts` must outlive the map and stay where it is.
    void build(const StringTable& texts, size_t entries_max) {
        texts_ = &texts;
        tiny_.assign(kTinyTexts, -1);
        slots_.assign(std::bit_ceil(entries_max * 2 + 2), {});
    }

    // Adds texts[id]; false when that string is there already (the first id stays). REQUIRES: it is not
    // empty.
    bool add(int32_t id) {
        const PieceKey key((*texts_)[id]);
        int32_t& place = is_tiny(key) ? tiny_[tiny_index(key)] : slots_[slot_of(key)].id;
        if (place >= 0) return false;
        if (!is_tiny(key)) slots_[slot_of(key)] = {key.word(), id, static_cast<uint32_t>(key.text().size())};
        place = id;
        if (key.text().size() > longest_bytes_) longest_bytes_ = key.text().size();
        return true;
    }

    // The id of `text`, or -1.
    int32_t find(std::string_view text) const {
        return text.empty() || text.size() > longest_bytes_ ? -1 : find(PieceKey(text));
    }
    // The same. REQUIRES: the text is not empty.
    int32_t find(const PieceKey& key) const {
        return is_tiny(key) ? tiny_[tiny_index(key)] : slots_[slot_of(key)].id;
    }

    // Begins to fetch what find() or add() will read: for many of them at once.
    void prefetch(const PieceKey& key) const {
        if (!is_tiny(key)) __builtin_prefetch(&slots_[key.hash() & (slots_.size() - 1)]);
    }

    size_t longest_bytes() const { return longest_bytes_; }

  private:
    struct Slot {
        uint64_t word = 0;  // PieceKey::word()
        int32_t id = -1;    // -1: empty
        uint32_t bytes = 0;
    };

    // Texts of one and two bytes, a third of all lookups, have a table of their own that stays in the cache.
    static constexpr size_t kTinyTexts = 256 + 65536;
    static bool is_tiny(const PieceKey& key) { return key.text().size() <= 2; }
    static size_t tiny_index(const PieceKey& key) {
        return key.text().size() == 1 ? key.word() : 256 + key.word();
    }

    // Where the key is, or the empty slot where it belongs.
    size_t slot_of(const PieceKey& key) const {
        const size_t mask = slots_.size() - 1;
        for (size_t at = key.hash() & mask;; at = (at + 1) & mask) {
            const Slot& slot = slots_[at];
            if (slot.id < 0) return at;
            if (slot.word != key.word() || slot.bytes != key.text().size()) continue;
            if (key.is_short() || (*texts_)[slot.id] == key.text()) return at;
        }
    }

    const StringTable* texts_ = nullptr;
    std::vector<int32_t> tiny_;  // id by tiny_index(), or -1
    std::vector<Slot> slots_;
    size_t longest_bytes_ = 0;
};

}  // namespace airframe
