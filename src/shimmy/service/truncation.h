// Truncation: what of a prompt that is too long goes, when its client has asked for that: the oldest turns of
// a conversation, the beginning of a text. What went is told in the answer. Pure functions.
#pragma once

#include <boost/json.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "airframe/text/tokenizer.h"

namespace shimmy {

// What was cut from a request's prompts, all together.
struct Truncation {
    uint32_t messages = 0;
    uint64_t tokens = 0;

    Truncation& operator+=(const Truncation& other) {
        messages += other.messages;
        tokens += other.tokens;
        return *this;
    }
};

// Tokens that a prompt may have so that its answer has room: for max_tokens, but at most half of the context;
// where max_tokens is -1 for 1024, but at most a quarter of it.
size_t prompt_tokens_max(uint32_t ctx_tokens, int32_t max_tokens);

// The parts of a conversation that may go, the oldest first; each is a list of indices of messages,
// ascending. A part is a whole turn (a user's message and all up to the next one) or, in the last turn, an
// answer with the results of its calls. System messages, the last user's message and what follows the last
// answer's beginning are in none.
std::vector<std::vector<size_t>> removable_parts(const boost::json::array& messages);

// The conversation without the first `count` of those parts.
boost::json::array without_parts(const boost::json::array& messages,
                                 const std::vector<std::vector<size_t>>& parts, size_t count);

// Takes tokens from the beginning, behind a begin token, until at most `tokens_max` are left and the rest
// begins with a whole character. Returns how many went.
size_t cut_beginning(std::vector<airframe::TokenId>& tokens, size_t tokens_max,
                     const airframe::Tokenizer& tokenizer);

}  // namespace shimmy
