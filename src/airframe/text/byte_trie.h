// ByteTrie: all strings of a set that begin at one place of a text, found in one walk. Built once, then any
// thread. Edges live in one open-addressing table keyed by (node, byte).
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/check.h"

namespace airframe {

class ByteTrie {
  public:
    static constexpr uint32_t kRoot = 0, kNone = UINT32_MAX;

    ByteTrie() { values_.push_back(-1); }

    // Makes room, so that adding does not grow the tables step by step.
    void reserve(size_t nodes) {
        values_.reserve(nodes);
        if (nodes * 2 > slots_.size()) resize(std::bit_ceil(nodes * 2));
    }

    // REQUIRES: value >= 0, and less than 2^28 bytes in all strings. The first value of a string stays.
    void add(std::string_view text, int32_t value) {
        uint32_t node = kRoot;
        for (const char byte : text) node = child_or_new(node, byte);
        if (values_[node] < 0) values_[node] = value;
    }

    // The node after `byte`, or kNone.
    uint32_t child(uint32_t node, char byte) const {
        if (slots_.empty()) return kNone;
        const uint64_t slot = slots_[slot_of(key_of(node, byte))];
        return slot == kEmpty ? kNone : static_cast<uint32_t>(slot & kNodeMask);
    }

    // The value of the string that ends at this node, or -1.
    int32_t value(uint32_t node) const { return values_[node]; }

  private:
    static constexpr uint64_t kEmpty = UINT64_MAX;
    static constexpr int kNodeBits = 28;  // a slot is (node, byte, child): 28 + 8 + 28 bits
    static constexpr uint64_t kNodeMask = (uint64_t{1} << kNodeBits) - 1;

    static uint64_t key_of(uint32_t node, char byte) {
        return (static_cast<uint64_t>(node) << 8) | static_cast<unsigned char>(byte);
    }
    size_t slot_of(uint64_t key) const {
        const size_t mask = slots_.size() - 1;
        size_t at = (key * 0x9e3779b97f4a7c15u >> 32) & mask;
        while (slots_[at] != kEmpty && slots_[at] >> kNodeBits != key) at = (at + 1) & mask;
        return at;
    }
    uint32_t child_or_new(uint32_t node, char byte) {
        if (values_.size() * 2 >= slots_.size()) resize(slots_.size() < 64 ? 64 : slots_.size() * 2);
        uint64_t& slot = slots_[slot_of(key_of(node, byte))];
        if (slot == kEmpty) {
            CHECK(values_.size() < kNodeMask, "a set of more than {} nodes", kNodeMask);
            slot = (key_of(node, byte) << kNodeBits) | values_.size();
            values_.push_back(-1);
        }
        return static_cast<uint32_t>(slot & kNodeMask);
    }
    void resize(size_t slots) {
        std::vector<uint64_t> old(slots, kEmpty);
        old.swap(slots_);
        for (const uint64_t slot : old)
            if (slot != kEmpty) slots_[slot_of(slot >> kNodeBits)] = slot;
    }

    std::vector<uint64_t> slots_;
    std::vector<int32_t> values_;  // by node
};

}  // namespace airframe
