#include "airframe/text/text_runs.h"

#include <cstdint>
#include <cstring>

#include "base/utf8.h"

namespace airframe {
namespace {

// Bytes of the valid character at text[at], or 0. REQUIRES: at < text.size().
size_t character_bytes(std::string_view text, size_t at) {
    const size_t begin = at;
    const char32_t code_point = base::next_code_point(text, at);
    const bool replaced = code_point == 0xFFFD && at == begin + 1;  // a real U+FFFD has three bytes
    return replaced ? 0 : at - begin;
}

}  // namespace

size_t valid_utf8_prefix(std::string_view text) {
    constexpr uint64_t kHighBits = 0x8080808080808080u;
    size_t at = 0;
    while (at < text.size()) {
        uint64_t eight;
        if (text.size() - at >= 8 && (std::memcpy(&eight, text.data() + at, 8), (eight & kHighBits) == 0)) {
            at += 8;
            continue;
        }
        const size_t bytes = character_bytes(text, at);
        if (bytes == 0) break;
        at += bytes;
    }
    return at;
}

size_t invalid_utf8_prefix(std::string_view text) {
    size_t at = 0;
    while (at < text.size() && character_bytes(text, at) == 0) ++at;
    return at;
}

SpaceCuts::SpaceCuts(const Vocab& vocab) {
    for (TokenId id = 0; id < vocab.size(); ++id) {
        const std::string_view text = vocab.text(id);
        for (size_t at = text.find(' ', 1); at < text.size(); at = text.find(' ', at + 1))
            joined_[static_cast<unsigned char>(text[at - 1])] = true;
    }
}

}  // namespace airframe
