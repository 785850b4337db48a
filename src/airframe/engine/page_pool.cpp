#include "airframe/engine/page_pool.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace airframe {

PagePool::PagePool(int32_t n_pages, int32_t page_tokens) : page_tokens_(page_tokens) {
    CHECK(n_pages >= 1 && page_tokens >= 1, "{} pages of {} tokens", n_pages, page_tokens);
    const auto n = static_cast<size_t>(n_pages);
    pages_.resize(n);
    tokens_.resize(n * static_cast<size_t>(page_tokens));
    buckets_.assign(std::bit_ceil(n), kNone);
    for (int32_t page = 0; page < n_pages; ++page) insert_idle(page, false);
}

int32_t PagePool::allocate() {
    CHECK(n_idle_ > 0, "no page is free");
    const int32_t page = oldest_;
    if (at(page).published) unpublish(page);
    hold(page);
    return page;
}

int32_t PagePool::hold_root(std::string_view salt) {
    if (salt.empty()) return kNone;
    const auto same = [&](const Root& root) { return root.users > 0 && root.salt == salt; };
    auto found = std::ranges::find_if(roots_, same);
    if (found == roots_.end()) found = std::ranges::find(roots_, 0, &Root::users);
    if (found == roots_.end()) found = roots_.insert(roots_.end(), Root{});
    if (found->users++ == 0) found->salt = salt;
    return kFirstRoot - static_cast<int32_t>(found - roots_.begin());
}

void PagePool::release_root(int32_t root) { add_root_user(root, -1); }

void PagePool::add_root_user(int32_t parent, int32_t change) {
    if (parent >= kNone) return;
    CHECK(root_at(parent).users > 0, "root {} is held by nobody", parent);
    root_at(parent).users += change;
}

void PagePool::acquire_prefix(int32_t root, std::span<const TokenId> tokens, std::span<const uint64_t> hashes,
                              std::vector<int32_t>& table) {
    const auto step = static_cast<size_t>(page_tokens_);
    int32_t parent = root;
    for (size_t i = 0; (i + 1) * step <= tokens.size(); ++i) {
        const int32_t page = find(parent, hashes[i], tokens.subspan(i * step, step));
        if (page == kNone) return;
        hold(page);
        table.push_back(page);
        parent = page;
    }
}

int32_t PagePool::publish(int32_t page, int32_t parent, uint64_t hash, std::span<const TokenId> tokens) {
    CHECK(at(page).holders > 0 && !at(page).published, "page {}", page);
    CHECK(parent <= kNone || at(parent).published, "page {} after {}", page, parent);
    CHECK(tokens.size() == static_cast<size_t>(page_tokens_), "{} tokens", tokens.size());
    if (const int32_t equal = find(parent, hash, tokens); equal != kNone) {
        hold(equal);
        let_go(page);
        return equal;
    }
    std::ranges::copy(tokens, tokens_of(page).begin());
    Page& entry = at(page);
    entry.published = true;
    add_root_user(parent, 1);
    entry.parent = parent;
    entry.hash = hash;
    entry.next_in_bucket = bucket(hash);
    bucket(hash) = page;
    return page;
}

void PagePool::release(std::vector<int32_t>& table) {
    // The last page first: among idle pages it is then older than its parent, and its room is taken before.
    for (size_t i = table.size(); i-- > 0;) let_go(table[i]);
    table.clear();
}

std::vector<int32_t> PagePool::findable(uint64_t most) const {
    std::vector<int32_t> order, chain;
    std::vector<bool> taken(pages_.size());
    // By use: idle pages from the newest on. Pages in use have no place in that list and count as newest.
    std::vector<int32_t> candidates;
    for (int32_t page = 0; page < n_pages(); ++page)
        if (at(page).holders > 0) candidates.push_back(page);
    for (int32_t page = newest_; page != kNone; page = at(page).older) candidates.push_back(page);
    for (const int32_t candidate : candidates) {
        chain.clear();
        int32_t page = candidate;
        for (; page > kNone && at(page).published && !taken[static_cast<size_t>(page)];
             page = at(page).parent)
            chain.push_back(page);
        const bool whole = page == kNone || (page > kNone && taken[static_cast<size_t>(page)]);
        if (!whole || order.size() + chain.size() > most) continue;
        for (const int32_t link : chain) taken[static_cast<size_t>(link)] = true;
        order.insert(order.end(), chain.rbegin(), chain.rend());
    }
    return order;
}

std::span<TokenId> PagePool::tokens_of(int32_t page) {
    const auto n = static_cast<size_t>(page_tokens_);
    return std::span(tokens_).subspan(static_cast<size_t>(page) * n, n);
}

std::span<const TokenId> PagePool::tokens_of(int32_t page) const {
    const auto n = static_cast<size_t>(page_tokens_);
    return std::span(tokens_).subspan(static_cast<size_t>(page) * n, n);
}

int32_t PagePool::find(int32_t parent, uint64_t hash, std::span<const TokenId> tokens) const {
    for (int32_t page = bucket(hash); page != kNone; page = at(page).next_in_bucket) {
        const Page& entry = at(page);
        if (entry.hash == hash && entry.parent == parent && std::ranges::equal(tokens_of(page), tokens))
            return page;
    }
    return kNone;
}

void PagePool::hold(int32_t page) {
    if (at(page).holders++ == 0) remove_idle(page);
}

void PagePool::let_go(int32_t page) {
    CHECK(at(page).holders > 0, "page {} is held by nobody", page);
    if (--at(page).holders == 0) insert_idle(page, !at(page).published);
}

void PagePool::unpublish(int32_t page) {
    int32_t* link = &bucket(at(page).hash);
    while (*link != page) link = &at(*link).next_in_bucket;
    *link = at(page).next_in_bucket;
    at(page).next_in_bucket = kNone;
    add_root_user(at(page).parent, -1);
    at(page).parent = kNone;
    at(page).published = false;
}

void PagePool::insert_idle(int32_t page, bool as_oldest) {
    Page& entry = at(page);
    entry.older = as_oldest ? kNone : newest_;
    entry.newer = as_oldest ? oldest_ : kNone;
    (entry.older == kNone ? oldest_ : at(entry.older).newer) = page;
    (entry.newer == kNone ? newest_ : at(entry.newer).older) = page;
    ++n_idle_;
}

void PagePool::remove_idle(int32_t page) {
    Page& entry = at(page);
    (entry.older == kNone ? oldest_ : at(entry.older).newer) = entry.newer;
    (entry.newer == kNone ? newest_ : at(entry.newer).older) = entry.older;
    entry.older = entry.newer = kNone;
    --n_idle_;
}

std::optional<std::string> PagePool::find_fault(std::span<const std::span<const int32_t>> tables) const {
    std::vector<int32_t> holders(pages_.size(), 0);
    for (const auto& table : tables)
        for (const int32_t page : table) {
            if (page < 0 || page >= n_pages())
                return fmt::format("a table names page {} of {}", page, n_pages());
            ++holders[static_cast<size_t>(page)];
        }
    for (int32_t page = 0; page < n_pages(); ++page) {
        const Page& entry = at(page);
        const int32_t counted = holders[static_cast<size_t>(page)];
        if (entry.holders != counted)
            return fmt::format("page {} counts {} holders, but {} tables hold it", page, entry.holders,
                               counted);
        if (entry.published && entry.parent > kNone && !at(entry.parent).published)
            return fmt::format("page {} has outlived page {} before it", page, entry.parent);
        if (entry.published && find(entry.parent, entry.hash, tokens_of(page)) != page)
            return fmt::format("published page {} cannot be found, or another equals it", page);
    }
    return find_list_fault();
}

std::optional<std::string> PagePool::find_list_fault() const {
    int32_t n = 0, previous = kNone;
    for (int32_t page = oldest_; page != kNone; page = at(page).newer, ++n) {
        if (n > n_pages()) return "the list of idle pages is a circle";
        if (at(page).holders != 0) return fmt::format("page {} is idle, but has holders", page);
        if (at(page).older != previous)
            return fmt::format("idle page {} does not know the one before it", page);
        previous = page;
    }
    if (previous != newest_ || n != n_idle_)
        return fmt::format("{} pages are listed as idle, {} counted", n, n_idle_);
    const auto unheld = std::ranges::count_if(pages_, [](const Page& entry) { return entry.holders == 0; });
    if (unheld != n) return fmt::format("{} pages have no holder, but {} are listed as idle", unheld, n);
    return std::nullopt;
}

}  // namespace airframe
