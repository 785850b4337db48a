// libFuzzer: any bytes as a vocabulary file, its last bytes as a text. What loads must encode and decode it.
#include <algorithm>

#include "airframe/gguf/reader.h"
#include "airframe/text/tokenizer.h"
#include "base/check.h"
#include "base/log.h"
#include "base/utf8.h"

namespace {

using airframe::TokenId;
using airframe::Tokenizer;

void check_ids(const Tokenizer& tokenizer, std::span<const TokenId> ids) {
    for (const TokenId id : ids) CHECK(id >= 0 && id < tokenizer.vocab_size(), "token {}", id);
    airframe::StreamDecoder decoder(tokenizer, true);
    std::string streamed;
    for (const TokenId id : ids) streamed += decoder.push(id);
    streamed += decoder.finish();
    CHECK(streamed == base::to_valid_utf8(tokenizer.decode(ids)), "a stream differs from the whole");
}

void check_text(const Tokenizer& tokenizer, std::string_view text) {
    const auto plain = tokenizer.encode(text, {});
    check_ids(tokenizer, plain);
    for (const TokenId id : plain)
        CHECK(tokenizer.kind(id) != airframe::TokenKind::kControl || id == tokenizer.special().unk,
              "text became the control token {}", id);
    check_ids(tokenizer, tokenizer.encode(text, {.add_special = true, .parse_special = true}));
    const airframe::ByteRange half{text.size() / 4, text.size() / 2};
    check_ids(tokenizer, tokenizer.encode(text, {.parse_special = true, .untrusted = {&half, 1}}));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    base::set_log_level("off");
    const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
    const auto contents = airframe::GgufReader::read(bytes);
    if (!contents) return 0;
    const auto tokenizer = Tokenizer::create(contents->metadata);
    if (!tokenizer) return 0;
    constexpr size_t kTextBytes = 256;
    const size_t text_bytes = std::min(size, kTextBytes);
    check_text(**tokenizer, {reinterpret_cast<const char*>(data) + size - text_bytes, text_bytes});
    for (TokenId id = 0; id < std::min((*tokenizer)->vocab_size(), 300); ++id)
        check_text(**tokenizer, (*tokenizer)->piece(id));
    return 0;
}
