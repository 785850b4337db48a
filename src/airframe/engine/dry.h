// DRY: "don't repeat yourself". A token that would prolong a repetition of an earlier passage is penalised by
// multiplier * base^(length - allowed length), where length counts the tokens repeated so far. Passages end
// at sequence breakers. After p-e-w's proposal (text-generation-webui pull request 5677, 2024), in linear
// time.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "airframe/text/tokenizer.h"

namespace airframe {

// Follows a text token by token: how many tokens came since the last breaker, wherever in a token it ended.
class BreakerWatch {
  public:
    // REQUIRES: breakers not empty strings; the tokenizer outlives the watch.
    BreakerWatch(std::vector<std::string> breakers, const Tokenizer& tokenizer);

    // The tokens of the text from its beginning: those not seen before are looked at.
    void follow(std::span<const TokenId> tokens);
    int32_t tokens_since_breaker() const { return since_; }

  private:
    std::vector<std::string> breakers_;
    const Tokenizer& tokenizer_;
    size_t tail_max_ = 0;  // bytes of earlier tokens in which a breaker can begin
    std::string text_;     // the tail, then the newest token
    size_t seen_ = 0;
    int32_t since_ = 0;
};

// A token, and how many of the newest tokens stood before it earlier.
struct Repetition {
    TokenId next;
    int32_t length;
};

// Each token that came after an earlier occurrence of the last `length` tokens of `window`, with the longest
// such length of at least `shortest`, counting `longest` tokens at most. In order of id. `lengths`: working
// memory. Linear time but for sorting what was found.
void find_repetitions(std::span<const TokenId> window, int32_t shortest, int32_t longest,
                      std::vector<int32_t>& lengths, std::vector<Repetition>& out);

}  // namespace airframe
