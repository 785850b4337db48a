#include "shimmy/service/truncation.h"

#include <algorithm>
#include <string_view>

#include "airframe/text/chat_messages.h"

namespace shimmy {

namespace json = boost::json;
using airframe::role_of;

namespace {

constexpr size_t kFreeAnswerTokens = 1024;  // room for an answer without a limit of its own

// Turns, each a list of indices. What stands before the first user's message is a turn of its own.
std::vector<std::vector<size_t>> turns_of(const json::array& messages) {
    std::vector<std::vector<size_t>> turns;
    for (size_t i = 0; i < messages.size(); ++i) {
        const std::string_view role = role_of(messages[i]);
        if (role == "system") continue;
        if (turns.empty() || role == "user") turns.emplace_back();
        turns.back().push_back(i);
    }
    return turns;
}

bool is_continuation(const airframe::Tokenizer& tokenizer, airframe::TokenId id) {
    const std::string bytes = tokenizer.token_bytes(id, true);
    return !bytes.empty() && (static_cast<unsigned char>(bytes.front()) & 0xc0) == 0x80;
}

}  // namespace

size_t prompt_tokens_max(uint32_t ctx_tokens, int32_t max_tokens) {
    const size_t wanted = max_tokens < 0 ? std::min<size_t>(kFreeAnswerTokens, ctx_tokens / 4)
                                         : std::min<size_t>(static_cast<size_t>(max_tokens), ctx_tokens / 2);
    return ctx_tokens - std::max<size_t>(wanted, 1);
}

std::vector<std::vector<size_t>> removable_parts(const json::array& messages) {
    std::vector<std::vector<size_t>> parts = turns_of(messages);
    if (parts.empty()) return parts;
    const std::vector<size_t> last = std::move(parts.back());
    parts.pop_back();
    const size_t whole_turns = parts.size();
    for (const size_t i : last) {
        const std::string_view role = role_of(messages[i]);
        if (role == "user") continue;
        if (parts.size() == whole_turns || role == "assistant") parts.emplace_back();
        parts.back().push_back(i);
    }
    if (parts.size() > whole_turns) parts.pop_back();  // what the answer goes on from
    return parts;
}

json::array without_parts(const json::array& messages, const std::vector<std::vector<size_t>>& parts,
                          size_t count) {
    std::vector<bool> gone(messages.size(), false);
    for (size_t part = 0; part < count; ++part)
        for (const size_t i : parts[part]) gone[i] = true;
    json::array left;
    for (size_t i = 0; i < messages.size(); ++i)
        if (!gone[i]) left.push_back(messages[i]);
    return left;
}

size_t cut_beginning(std::vector<airframe::TokenId>& tokens, size_t tokens_max,
                     const airframe::Tokenizer& tokenizer) {
    if (tokens.size() <= tokens_max) return 0;
    const auto bos = tokenizer.special().bos;
    const size_t from = bos && tokens.front() == *bos ? 1 : 0;
    size_t to = from + tokens.size() - tokens_max;
    while (to < tokens.size() && is_continuation(tokenizer, tokens[to])) ++to;
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(from),
                 tokens.begin() + static_cast<std::ptrdiff_t>(std::min(to, tokens.size())));
    return to - from;
}

}  // namespace shimmy
