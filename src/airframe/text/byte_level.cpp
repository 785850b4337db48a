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

bool append_byte_level(std::string_view piece, std::string& out) {
    const size_t size_before = out.size();
    for (size_t at = 0; at < piece.size();) {
        const auto first = static_cast<unsigned char>(piece[at]);
        const char32_t character = first < 0x80 ? piece[at++] : base::next_code_point(piece, at);
        if (character >= kAlphabet.byte_of.size() || kAlphabet.byte_of[character] < 0) {
            out.resize(size_before);
            return false;
        }
        out += static_cast<char>(kAlphabet.byte_of[character]);
    }
    return true;
}

std::string to_byte_level(std::string_view bytes) {
    std::string out;
    for (const char byte : bytes)
        base::append_utf8(out, kAlphabet.character_of[static_cast<unsigned char>(byte)]);
    return out;
}

}  // namespace airframe
