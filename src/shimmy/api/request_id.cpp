#include "shimmy/api/request_id.h"

#include <algorithm>
#include <random>

#include "base/rng.h"

namespace shimmy {

namespace {

constexpr size_t kIdLength = 24;
constexpr size_t kClientIdLengthMax = 128;
constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

bool is_id_char(char c) {
    return kAlphabet.find(c) != std::string_view::npos || c == '-' || c == '_' || c == '.';
}

}  // namespace

std::string new_id(std::string_view prefix) {
    thread_local base::Rng rng((uint64_t{std::random_device{}()} << 32) ^ std::random_device{}());
    std::string id(prefix);
    for (size_t i = 0; i < kIdLength; ++i) id += kAlphabet[rng.next_below(kAlphabet.size())];
    return id;
}

std::string request_id_for(const HttpRequest& request) {
    const std::string* sent = request.header("x-request-id");
    const bool decent = sent != nullptr && !sent->empty() && sent->size() <= kClientIdLengthMax &&
                        std::ranges::all_of(*sent, is_id_char);
    return decent ? *sent : new_request_id();
}

}  // namespace shimmy
