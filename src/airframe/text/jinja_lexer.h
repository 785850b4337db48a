// Template text to tokens: finds the tags, applies white-space control (trim_blocks and lstrip_blocks are on,
// a single newline at the end goes), and cuts expressions into names, literals and operators.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace airframe::jinja {

enum class Tok : uint8_t {
    kEnd,
    kData,
    kPrintBegin,
    kPrintEnd,
    kBlockBegin,
    kBlockEnd,
    kName,
    kString,
    kInteger,
    kFloat,
    kAdd,
    kSub,
    kDiv,
    kFloorDiv,
    kMul,
    kMod,
    kPow,
    kTilde,
    kLeftBracket,
    kRightBracket,
    kLeftParen,
    kRightParen,
    kLeftBrace,
    kRightBrace,
    kEqual,
    kNotEqual,
    kGreater,
    kGreaterEqual,
    kLess,
    kLessEqual,
    kAssign,
    kDot,
    kColon,
    kPipe,
    kComma,
    kSemicolon,
};

struct Token {
    Tok kind;
    std::string_view text;  // as written in the source; of a string with its quotes
    size_t offset;          // in the normalised source
};

// A mistake in the template's own text.
struct SyntaxFailure {
    std::string message;
    size_t offset;
};

// Line breaks become '\n' and the last one goes; bytes that are no UTF-8 become U+FFFD, so that every string
// of a template consists of whole characters.
std::string normalise_source(std::string_view given);

// The tokens of a normalised source, kEnd last; they point into it. Throws SyntaxFailure.
std::vector<Token> tokenize_template(std::string_view source);

// What a string literal, quotes included, stands for.
std::string unescape_literal(std::string_view literal);

// How an error names a token: "end of print statement", "name".
std::string_view describe(Tok kind);

}  // namespace airframe::jinja
