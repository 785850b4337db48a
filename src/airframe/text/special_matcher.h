// SpecialMatcher: finds tokens that are written out in a text (control and user-defined ones), longest first
// at the leftmost place, in one pass. The one place that decides whether text may become a control token. Any
// thread.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "airframe/text/byte_trie.h"
#include "airframe/text/special_spaces.h"
#include "airframe/text/vocab.h"

namespace airframe {

struct SpecialMatch {
    size_t begin, end;  // with the white space that the token swallows
    TokenId id;
};

class SpecialMatcher {
  public:
    // REQUIRES: `vocab` outlives the matcher.
    SpecialMatcher(const Vocab& vocab, SpecialSpaces spaces);

    // One pass over one text; keeps its place in the list of untrusted ranges.
    class Pass {
      public:
        Pass(const SpecialMatcher& matcher, std::string_view text, const EncodeOptions& options)
            : matcher_(matcher), text_(text), options_(options) {}

        // The next match at or after `from`. User-defined tokens match always; control and unknown ones only
        // with parse_special and where no byte of them lies in an untrusted range. REQUIRES: `from` does not
        // decrease.
        std::optional<SpecialMatch> next(size_t from);

      private:
        std::optional<SpecialMatch> longest_at(size_t begin);
        bool is_trusted(size_t begin, size_t end);
        SpecialMatch with_spaces(SpecialMatch match, size_t from) const;

        const SpecialMatcher& matcher_;
        std::string_view text_;
        const EncodeOptions& options_;
        size_t range_ = 0;  // the first untrusted range that ends after the place reached
    };

  private:
    const Vocab& vocab_;
    SpecialSpaces spaces_;
    ByteTrie trie_;
    std::array<bool, 256> begins_user_{}, begins_any_{};  // by first byte
};

}  // namespace airframe
