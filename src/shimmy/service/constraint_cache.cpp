#include "shimmy/service/constraint_cache.h"

#include <algorithm>
#include <utility>

namespace shimmy {

using airframe::TokenMasks;
using airframe::TokenTrie;

base::Result<ConstraintCache::Masks> ConstraintCache::get(const std::string& key,
                                                          const airframe::Tokenizer& tokenizer,
                                                          const Compile& compile) {
    if (Masks known = find(key)) return known;
    TRY(airframe::GrammarPtr grammar, compile());
    auto masks = std::make_shared<TokenMasks>(std::move(grammar), trie(tokenizer));
    TRY_VOID(masks->mask(masks->start()));
    keep(key, masks);
    return masks;
}

std::shared_ptr<const TokenTrie> ConstraintCache::trie(const airframe::Tokenizer& tokenizer) {
    std::call_once(trie_once_, [&] {
        trie_ = TokenTrie::create(tokenizer);
        // What strings allow is kept in the trie: found out here, not while an answer waits for it.
        const auto text = airframe::compile_json_schema(R"({"type": "string"})");
        if (!text) return;
        TokenMasks masks(*text, trie_);
        (void)masks.mask(masks.advance_text(masks.start(), "\""));
    });
    return trie_;
}

ConstraintCache::Masks ConstraintCache::find(const std::string& key) {
    std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(entries_, key, &Entry::key);
    if (found == entries_.end()) return nullptr;
    if (found->masks->exhausted()) {
        entries_.erase(found);
        return nullptr;
    }
    entries_.splice(entries_.begin(), entries_, found);
    return entries_.front().masks;
}

void ConstraintCache::keep(const std::string& key, const Masks& masks) {
    std::lock_guard lock(mutex_);
    std::erase_if(entries_, [&](const Entry& entry) { return entry.key == key; });
    entries_.push_front({key, masks});
    size_t bytes = 0, kept = 0;
    std::erase_if(entries_, [&](const Entry& entry) {
        bytes += entry.key.size() + entry.masks->memory_bytes();
        return ++kept > kEntriesMax || (kept > 1 && bytes > kBytesMax);
    });
}

}  // namespace shimmy
