// libFuzzer: grammars of every kind and texts, walked in the automaton and by masks of a small vocabulary: a
// token is allowed exactly when its bytes may come. The first byte chooses the kind, the rest is split at its
// first zero byte: the grammar, and what leads through it.
#include <array>

#include "airframe/text/grammar_fuzz.h"
#include "airframe/text/token_masks.h"

namespace {

using namespace airframe;

// Single bytes, and pieces as vocabularies have them.
class PieceTokenizer final : public Tokenizer {
  public:
    PieceTokenizer() {
        for (int byte = 0; byte < 256; ++byte) pieces_.emplace_back(1, static_cast<char>(byte));
        for (const char* piece : {"\"",   "\":", "\", \"",   "\"}",     "\\u00",   "\\\"", "{\"",  "ab",
                                  "abc",  "12",  "-1",       ", ",      "\n ",     "true", "null", "é",
                                  "\xC3", "😀",  "\xF0\x9F", "\\ud83d", "\\ude00", "a\"b", "]}"})
            pieces_.emplace_back(piece);
        special_.end_of_generation = {vocab_size()};
        pieces_.emplace_back("");
    }
    std::vector<TokenId> encode(std::string_view, const EncodeOptions&) const override { return {}; }
    std::string token_bytes(TokenId id, bool) const override { return pieces_[static_cast<size_t>(id)]; }
    std::string decode(std::span<const TokenId>, bool) const override { return {}; }
    int32_t vocab_size() const override { return static_cast<int32_t>(pieces_.size()); }
    TokenKind kind(TokenId) const override { return TokenKind::kNormal; }
    const SpecialTokens& special() const override { return special_; }
    std::optional<TokenId> find(std::string_view) const override { return std::nullopt; }
    std::string_view piece(TokenId id) const override { return pieces_[static_cast<size_t>(id)]; }
    std::string_view model_name() const override { return "pieces"; }
    std::string_view pre_name() const override { return ""; }

  private:
    std::vector<std::string> pieces_;
    SpecialTokens special_;
};

base::Result<GrammarPtr> compile(uint8_t kind, std::string_view text) {
    switch (kind % 4) {
        case 0:
            return compile_gbnf(text);
        case 1:
            return compile_regex_grammar(text);
        case 2:
            return compile_choice(std::array{std::string(text), std::string("abc")});
        default:
            return compile_json_schema(text);
    }
}

bool has(TokenMasks::Mask mask, TokenId id) {
    return ((mask[static_cast<size_t>(id) / 64] >> (static_cast<size_t>(id) % 64)) & 1) != 0;
}

void follow(const GrammarPtr& grammar, std::string_view lead) {
    constexpr size_t kTokensMax = 12;
    static const PieceTokenizer tokenizer;
    static const auto trie = TokenTrie::create(tokenizer);
    TokenMasks masks(grammar, trie);
    GrammarMachine plain(grammar);
    GrammarState by_mask = masks.start(), by_byte = plain.start();
    for (size_t i = 0; i < kTokensMax; ++i) {
        const auto mask = masks.mask(by_mask);
        if (masks.exhausted() || plain.exhausted()) return;
        CHECK(mask, "a dead end: {}", mask.error().message);
        const auto size = static_cast<size_t>(tokenizer.vocab_size());
        const size_t from = i < lead.size() ? static_cast<uint8_t>(lead[i]) * 2u : i;
        TokenId next = -1;
        for (size_t step = 0; step < size; ++step) {
            const auto id = static_cast<TokenId>((from + step) % size);
            const std::string_view text = trie->text(id);
            const bool right =
                text.empty() ? plain.complete(by_byte) : plain.walk(by_byte, text) != GrammarMachine::kDead;
            if (plain.exhausted()) return;
            CHECK(has(*mask, id) == right, "token {} is {}", id, right ? "forbidden" : "allowed");
            if (right && next < 0) next = id;
        }
        if (next < 0 || trie->text(next).empty()) return;
        by_mask = masks.advance(by_mask, next);
        by_byte = plain.walk(by_byte, trie->text(next));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const size_t zero = std::min(text.find('\0'), text.size());
    const auto grammar = compile(data[0], text.substr(0, zero));
    if (grammar) follow(*grammar, text.substr(std::min(zero + 1, text.size())));
    return 0;
}
