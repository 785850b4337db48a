// The alphabet of byte-level BPE: every byte has a printable stand-in character, so that vocabularies are
// plain text. Bytes 33..126, 161..172 and 174..255 stand for themselves (as Latin-1 characters); the other
// 68, in ascending order, are U+0100, U+0101, … (GPT-2's bytes_to_unicode). Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

namespace airframe {

// Writes the bytes that `piece` stands for and returns their end; nullptr when a character of the piece is
// not in the alphabet: such pieces are literal text. REQUIRES: room for piece.size() bytes.
char* write_byte_level(std::string_view piece, char* out);

// The same, appended to `out`; false, with `out` unchanged, for literal text.
bool append_byte_level(std::string_view piece, std::string& out);

// The stand-in spelling of `bytes`.
std::string to_byte_level(std::string_view bytes);

}  // namespace airframe
