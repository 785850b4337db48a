#include "base/utf8.h"

namespace base {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

struct Lead {
    int length;               // bytes of the whole character; 0 for a byte that cannot begin one
    unsigned char low, high;  // range of the second byte: rules out overlong forms and surrogates
};

Lead lead_of(unsigned char byte) {
    if (byte < 0x80) return {1, 0, 0};
    if (byte < 0xC2) return {0, 0, 0};
    if (byte < 0xE0) return {2, 0x80, 0xBF};
    if (byte == 0xE0) return {3, 0xA0, 0xBF};
    if (byte == 0xED) return {3, 0x80, 0x9F};
    if (byte < 0xF0) return {3, 0x80, 0xBF};
    if (byte == 0xF0) return {4, 0x90, 0xBF};
    if (byte < 0xF4) return {4, 0x80, 0xBF};
    if (byte == 0xF4) return {4, 0x80, 0x8F};
    return {0, 0, 0};
}

// Bytes at `at` that form the longest valid beginning of one character, and whether it is complete.
struct Prefix {
    size_t bytes;
    bool complete;
};

Prefix prefix_at(std::string_view text, size_t at) {
    const Lead lead = lead_of(static_cast<unsigned char>(text[at]));
    if (lead.length == 0) return {0, false};
    size_t n = 1;
    for (; n < static_cast<size_t>(lead.length) && at + n < text.size(); ++n) {
        const auto byte = static_cast<unsigned char>(text[at + n]);
        const unsigned char low = n == 1 ? lead.low : 0x80, high = n == 1 ? lead.high : 0xBF;
        if (byte < low || byte > high) break;
    }
    return {n, n == static_cast<size_t>(lead.length)};
}

}  // namespace

char32_t next_code_point(std::string_view text, size_t& at) {
    const Prefix prefix = prefix_at(text, at);
    if (!prefix.complete) {
        ++at;
        return kReplacement;
    }
    const auto first = static_cast<unsigned char>(text[at]);
    constexpr unsigned char kLeadMask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    char32_t code_point = first & kLeadMask[prefix.bytes];
    for (size_t i = 1; i < prefix.bytes; ++i)
        code_point = (code_point << 6) | (static_cast<unsigned char>(text[at + i]) & 0x3F);
    at += prefix.bytes;
    return code_point;
}

void append_utf8(std::string& out, char32_t c) {
    if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) c = kReplacement;
    if (c < 0x80) {
        out += static_cast<char>(c);
    } else if (c < 0x800) {
        out += static_cast<char>(0xC0 | (c >> 6));
        out += static_cast<char>(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        out += static_cast<char>(0xE0 | (c >> 12));
        out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
        out += static_cast<char>(0x80 | (c & 0x3F));
    } else {
        out += static_cast<char>(0xF0 | (c >> 18));
        out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
        out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
        out += static_cast<char>(0x80 | (c & 0x3F));
    }
}

bool is_valid_utf8(std::string_view text) {
    for (size_t at = 0; at < text.size();) {
        const Prefix prefix = prefix_at(text, at);
        if (!prefix.complete) return false;
        at += prefix.bytes;
    }
    return true;
}

size_t incomplete_utf8_tail(std::string_view text) {
    for (size_t back = 1; back <= 3 && back <= text.size(); ++back) {
        const size_t at = text.size() - back;
        if ((static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) continue;
        const Prefix prefix = prefix_at(text, at);
        return prefix.bytes == back && !prefix.complete ? back : 0;
    }
    return 0;
}

std::string to_valid_utf8(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
        const Prefix prefix = prefix_at(text, at);
        if (prefix.complete)
            out.append(text, at, prefix.bytes);
        else
            append_utf8(out, kReplacement);
        at += prefix.bytes > 0 ? prefix.bytes : 1;
    }
    return out;
}

}  // namespace base
