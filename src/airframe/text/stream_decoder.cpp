// StreamDecoder: bytes wait here until they are a character, or can no longer become one.
#include <algorithm>
#include <utility>

#include "airframe/text/tokenizer.h"
#include "base/utf8.h"

namespace airframe {

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool at_text_start, std::vector<TokenId> shown)
    : tokenizer_(tokenizer),
      shown_(std::move(shown)),
      strip_space_(at_text_start && tokenizer.strips_leading_space()) {}

std::string StreamDecoder::push(TokenId id) {
    std::string bytes = tokenizer_.token_bytes(id, std::ranges::find(shown_, id) != shown_.end());
    if (strip_space_ && !bytes.empty()) {
        if (bytes[0] == ' ') bytes.erase(0, 1);
        strip_space_ = false;
    }
    pending_ += bytes;
    const size_t ready = pending_.size() - base::incomplete_utf8_tail(pending_);
    std::string text = base::to_valid_utf8(std::string_view(pending_).substr(0, ready));
    pending_.erase(0, ready);
    return text;
}

std::string StreamDecoder::finish() {
    std::string text = base::to_valid_utf8(pending_);
    pending_.clear();
    return text;
}

}  // namespace airframe
