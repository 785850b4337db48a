// libFuzzer: tokens of any bytes in any order. The stream's pieces are valid UTF-8 and add up to the whole
// text.
#include <algorithm>

#include "airframe/text/tokenizer.h"
#include "base/check.h"
#include "base/utf8.h"

namespace {

using namespace airframe;

// A vocabulary whose tokens are what the fuzzer says.
class AnyTokenizer final : public Tokenizer {
  public:
    explicit AnyTokenizer(bool strips) : strips_(strips) {}
    TokenId add(std::string bytes) {
        tokens_.push_back(std::move(bytes));
        return static_cast<TokenId>(tokens_.size()) - 1;
    }

    std::vector<TokenId> encode(std::string_view, const EncodeOptions&) const override { return {}; }
    std::string token_bytes(TokenId id, bool) const override { return tokens_[static_cast<size_t>(id)]; }
    std::string decode(std::span<const TokenId> ids, bool) const override {
        std::string out;
        for (const TokenId id : ids) out += tokens_[static_cast<size_t>(id)];
        return strips_ && out.starts_with(' ') ? out.substr(1) : out;
    }
    bool strips_leading_space() const override { return strips_; }
    int32_t vocab_size() const override { return static_cast<int32_t>(tokens_.size()); }
    TokenKind kind(TokenId) const override { return TokenKind::kNormal; }
    const SpecialTokens& special() const override { return special_; }
    std::optional<TokenId> find(std::string_view) const override { return std::nullopt; }
    std::string_view piece(TokenId id) const override { return tokens_[static_cast<size_t>(id)]; }
    std::string_view model_name() const override { return "llama"; }
    std::string_view pre_name() const override { return ""; }

  private:
    const bool strips_;
    std::vector<std::string> tokens_;
    SpecialTokens special_;
};

}  // namespace

// The first byte: whether a leading space goes. Then tokens, each after a byte that says its length, 0 to 7.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    AnyTokenizer tokenizer((data[0] & 1) != 0);
    std::vector<TokenId> ids;
    for (size_t at = 1; at < size;) {
        const size_t bytes = std::min<size_t>(data[at] & 7, size - at - 1);
        ids.push_back(tokenizer.add(std::string(reinterpret_cast<const char*>(data) + at + 1, bytes)));
        at += 1 + bytes;
    }
    StreamDecoder decoder(tokenizer, true);
    std::string streamed;
    for (const TokenId id : ids) {
        const std::string text = decoder.push(id);
        CHECK(base::is_valid_utf8(text), "a piece of the stream is no valid UTF-8");
        streamed += text;
    }
    streamed += decoder.finish();
    CHECK(streamed == base::to_valid_utf8(tokenizer.decode(ids, false)), "a stream differs from the whole");
    return 0;
}
