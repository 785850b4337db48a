// PagePool: which page of the KV cache belongs to whom, and which of them can be found again by their tokens.
//
// A page holds the keys and values of `page_tokens` consecutive tokens. Sequences share pages by counting
// references. A full, computed page is published under the hash of its tokens and all before them; it stays
// findable after its last user has gone, until its room is needed (least recently used first). A hash is only
// a hint: tokens and the page before are compared, so two different beginnings never share a page. Invariant:
// whoever holds a published page holds the page before it too, so a page never outlives its parent.
// Prefixes live under roots, one per salt: those of different salts never meet, whatever their tokens and
// hashes. Bookkeeping only: no bytes of keys or values here. No allocation after construction. Engine thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "airframe/engine/sequence.h"

namespace airframe {

class PagePool {
  public:
    static constexpr int32_t kNone = -1;

    // REQUIRES: both >= 1.
    PagePool(int32_t n_pages, int32_t page_tokens);

    int32_t n_pages() const { return static_cast<int32_t>(pages_.size()); }
    int32_t page_tokens() const { return page_tokens_; }
    int32_t pages_for(int32_t tokens) const { return (tokens + page_tokens_ - 1) / page_tokens_; }
    // Pages nobody holds: what allocate() can still give.
    int32_t available() const { return n_idle_; }

    // A page of its own for the caller, who is its only holder. REQUIRES: available() > 0.
    int32_t allocate();

    // Where the prefixes of this salt begin; kNone for the empty one. The caller holds the root until
    // release_root().
    int32_t hold_root(std::string_view salt);
    void release_root(int32_t root);

    // The longest run of published pages that hold the beginning of `tokens` (full pages only), appended to
    // `table`. The caller becomes a holder of each. `hashes`: of each full page of tokens.
    void acquire_prefix(int32_t root, std::span<const TokenId> tokens, std::span<const uint64_t> hashes,
                        std::vector<int32_t>& table);

    // Makes a full, computed page findable. `parent`: the page before it, published itself, or the root.
    // Returns the page to use from now on: when an equal one is there already, the caller holds that one and
    // has given `page` back.
    int32_t publish(int32_t page, int32_t parent, uint64_t hash, std::span<const TokenId> tokens);

    // Gives up all pages of a table and empties it.
    void release(std::vector<int32_t>& table);

    // At most `most` published pages without a salt, the latest used first, none without the pages before it;
    // each comes after the one before it.
    std::vector<int32_t> findable(uint64_t most) const;
    struct Published {
        int32_t parent;
        uint64_t hash;
        std::span<const TokenId> tokens;
    };
    // REQUIRES: one that findable() named.
    Published published(int32_t page) const { return {at(page).parent, at(page).hash, tokens_of(page)}; }

    // What contradicts itself, given the page tables of all holders; nothing when all is well.
    std::optional<std::string> find_fault(std::span<const std::span<const int32_t>> tables) const;

  private:
    struct Page {
        int32_t holders = 0;
        bool published = false;
        int32_t parent = kNone;
        uint64_t hash = 0;
        int32_t next_in_bucket = kNone;
        int32_t older = kNone, newer = kNone;  // neighbours in the list of idle pages
    };

    Page& at(int32_t page) { return pages_[static_cast<size_t>(page)]; }
    const Page& at(int32_t page) const { return pages_[static_cast<size_t>(page)]; }
    int32_t& bucket(uint64_t hash) { return buckets_[hash & (buckets_.size() - 1)]; }
    int32_t bucket(uint64_t hash) const { return buckets_[hash & (buckets_.size() - 1)]; }
    std::span<TokenId> tokens_of(int32_t page);
    std::span<const TokenId> tokens_of(int32_t page) const;

    int32_t find(int32_t parent, uint64_t hash, std::span<const TokenId> tokens) const;
    void hold(int32_t page);
    void let_go(int32_t page);
    void unpublish(int32_t page);
    void insert_idle(int32_t page, bool as_oldest);
    void remove_idle(int32_t page);
    std::optional<std::string> find_list_fault() const;

    // A salt in use. Root i - 2, counted down: kNone is the root without a salt.
    struct Root {
        std::string salt;
        int32_t users = 0;  // holders and published first pages
    };
    static constexpr int32_t kFirstRoot = kNone - 1;
    Root& root_at(int32_t root) { return roots_[static_cast<size_t>(kFirstRoot - root)]; }
    void add_root_user(int32_t parent, int32_t change);

    int32_t page_tokens_;
    std::vector<Root> roots_;
    std::vector<Page> pages_;
    std::vector<TokenId> tokens_;   // [n_pages, page_tokens], of published pages
    std::vector<int32_t> buckets_;  // first page of each, by hash; a power of two
    int32_t oldest_ = kNone, newest_ = kNone;
    int32_t n_idle_ = 0;
};

}  // namespace airframe
