// ConstraintCache: the grammars of a model's latest requests, compiled for its vocabulary. Any thread; the
// masks themselves belong to the engine's thread once a request has been submitted with them.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "airframe/text/token_masks.h"
#include "airframe/text/tokenizer.h"
#include "base/result.h"

namespace shimmy {

class ConstraintCache {
  public:
    using Masks = std::shared_ptr<airframe::TokenMasks>;
    using Compile = std::function<base::Result<airframe::GrammarPtr>()>;

    // The masks called `key`, else those of what `compile` makes, on the caller's thread, with the mask of
    // their start. Errors: those of `compile`, and where no token of the vocabulary can begin.
    base::Result<Masks> get(const std::string& key, const airframe::Tokenizer& tokenizer,
                            const Compile& compile);

  private:
    static constexpr size_t kEntriesMax = 128;
    static constexpr size_t kBytesMax = 256u << 20;

    struct Entry {
        std::string key;
        Masks masks;
    };
    std::shared_ptr<const airframe::TokenTrie> trie(const airframe::Tokenizer& tokenizer);
    Masks find(const std::string& key);
    void keep(const std::string& key, const Masks& masks);

    std::once_flag trie_once_;
    std::shared_ptr<const airframe::TokenTrie> trie_;
    std::mutex mutex_;
    std::list<Entry> entries_;  // the latest first
};

}  // namespace shimmy
