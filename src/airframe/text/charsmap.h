// Charsmap: SentencePiece's precompiled character map: replaces the longest known beginning of a text (NFKC
// and more). Format: 4 bytes length of a double-array trie (Darts-clone, 32-bit units), the trie, then
// zero-terminated replacement strings. Borrows nothing; every index is checked against the blob. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "airframe/gguf/metadata.h"
#include "base/result.h"

namespace airframe {

class Charsmap {
  public:
    // An empty map when the key is absent. Errors: kBadFile.
    static base::Result<Charsmap> load(const Metadata& metadata);

    struct Match {
        size_t bytes = 0;  // of the text that is replaced; 0: nothing is
        std::string_view replacement;
    };
    // The longest beginning of `text` that has a replacement.
    Match longest_prefix(std::string_view text) const;

  private:
    std::vector<uint32_t> units_;
    std::string replacements_;  // zero-terminated, one after the other
};

}  // namespace airframe
