// Cutting texts into runs that can be encoded independently of each other. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string_view>

#include "airframe/text/vocab.h"

namespace airframe {

// Bytes at the beginning of `text` that are valid UTF-8.
size_t valid_utf8_prefix(std::string_view text);
// Bytes at the beginning of `text` before the next place where a valid character begins.
size_t invalid_utf8_prefix(std::string_view text);

// Calls on_valid(run) and on_invalid(run) for the maximal runs of valid and of invalid UTF-8, in order.
template <class OnValid, class OnInvalid>
void each_utf8_run(std::string_view text, OnValid on_valid, OnInvalid on_invalid) {
    while (!text.empty()) {
        if (const size_t valid = valid_utf8_prefix(text); valid > 0) {
            on_valid(text.substr(0, valid));
            text.remove_prefix(valid);
        }
        if (const size_t invalid = invalid_utf8_prefix(text); invalid > 0) {
            on_invalid(text.substr(0, invalid));
            text.remove_prefix(invalid);
        }
    }
}

// Where merging over whole texts can be done word by word with the same result: before a space, when no token
// of the vocabulary holds the byte in front followed by a space. Turns one problem of a megabyte into many of
// a few bytes.
class SpaceCuts {
  public:
    explicit SpaceCuts(const Vocab& vocab);

    template <class Sink>
    void split(std::string_view text, Sink sink) const {
        size_t begin = 0;
        for (size_t at = text.find(' ', 1); at < text.size(); at = text.find(' ', at + 1)) {
            const char before = text[at - 1];
            if (before == ' ' || joined_[static_cast<unsigned char>(before)]) continue;
            sink(text.substr(begin, at - begin));
            begin = at;
        }
        if (begin < text.size()) sink(text.substr(begin));
    }

  private:
    std::array<bool, 256> joined_{};  // bytes that some token has right before a space
};

// Remembers which tokens merging yields for exactly their own text, so that a word that is such a token needs
// no merging again. Only facts that follow from the vocabulary are stored: threads may share it, order does
// not matter.
class WholeTokens {
  public:
    explicit WholeTokens(int32_t vocab_size)
        : known_(new std::atomic<bool>[static_cast<size_t>(vocab_size)]()) {}
    bool is_known(TokenId id) const { return known_[id].load(std::memory_order_relaxed); }
    void learn(TokenId id) const { known_[id].store(true, std::memory_order_relaxed); }

  private:
    std::unique_ptr<std::atomic<bool>[]> known_;
};

}  // namespace airframe
