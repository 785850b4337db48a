#include "airframe/text/byte_level.h"

#include <array>
#include <cstdint>

#include "base/utf8.h"

namespace airframe {
namespace {

constexpr bool stands_for_itself(int byte) {
    return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

struct Alphabet {
    std::array<uint16_t, 256> character_of{};  // by byte
    std::array<int16_t, 0x144> byte_of{};      // by character; -1 where the character is no stand-in
};

constexpr Alphabet make_alphabet() {
    Alphabet alphabet;
    alphabet.byte_of.fill(-1);
    uint16_t next_extra = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
        const uint16_t character = stands_for_itself(byte) ? static_cast<uint16_t>(byte) : next_extra++;
        alphabet.character_of[byte] = character;
        alphabet.byte_of[character] = static_cast<int16_t>(byte);
    }
    return alphabet;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

char* write_byte_level(std::string_view piece, char* out) {
    for (size_t at = 0; at < piece.size(); ++at) {
        const auto first = static_cast<unsigned char>(piece[at]);
        // Every stand-in is one byte, or two of the form 110xxxxx 10xxxxxx.
        uint32_t character = first;
        if (first >= 0x80) {
            const auto second = ++at < piece.size() ? static_cast<unsigned char>(piece[at]) : 0u;
            const bool two_bytes = (first & 0xE0) == 0xC0 && (second & 0xC0) == 0x80;
            character = two_bytes ? ((first & 0x1Fu) << 6) | (second & 0x3Fu) : UINT32_MAX;
        }
        if (character >= kAlphabet.byte_of.size() || kAlphabet.byte_of[character] < 0) return nullptr;
        *out++ = static_cast<char>(kAlphabet.byte_of[character]);
    }
    return out;
}

bool append_byte_level(std::string_view piece, std::string& out) {
    const size_t size_before = out.size();
    out.resize(size_before + piece.size());
    const char* end = write_byte_level(piece, out.data() + size_before);
    out.resize(end == nullptr ? size_before : static_cast<size_t>(end - out.data()));
    return end != nullptr;
}

std::string to_byte_level(std::string_view bytes) {
    std::string out;
    for (const char byte : bytes)
        base::append_utf8(out, kAlphabet.character_of[static_cast<unsigned char>(byte)]);
    return out;
}

}  // namespace airframe
