#include "airframe/engine/page_pool.h"

#include <gtest/gtest.h>

namespace airframe {
namespace {

constexpr int32_t kPageTokens = 2;

// A sequence whose pages have been computed and published.
std::vector<int32_t> fill(PagePool& pool, const Sequence& sequence) {
    std::vector<int32_t> table;
    pool.acquire_prefix(PagePool::kNone, sequence.tokens, sequence.page_hashes, table);
    for (size_t i = table.size(); i < sequence.page_hashes.size(); ++i) {
        const int32_t parent = i == 0 ? PagePool::kNone : table[i - 1];
        table.push_back(pool.publish(pool.allocate(), parent, sequence.page_hashes[i],
                                     std::span(sequence.tokens).subspan(i * kPageTokens, kPageTokens)));
    }
    return table;
}

Sequence sequence_of(std::vector<TokenId> tokens) { return make_sequence(tokens, 64, kPageTokens); }

void expect_sound(const PagePool& pool, std::vector<std::span<const int32_t>> tables) {
    const auto fault = pool.find_fault(tables);
    EXPECT_FALSE(fault) << *fault;
}

TEST(PagePool, EqualBeginningsShareTheirFullPages) {
    PagePool pool(8, kPageTokens);
    const auto first = fill(pool, sequence_of({1, 2, 3, 4, 5}));
    const auto second = fill(pool, sequence_of({1, 2, 3, 4, 6, 7}));
    ASSERT_EQ(first.size(), 2u);
    ASSERT_EQ(second.size(), 3u);
    EXPECT_EQ(first[0], second[0]);
    EXPECT_EQ(first[1], second[1]);
    EXPECT_EQ(pool.available(), 5);
    expect_sound(pool, {first, second});
}

TEST(PagePool, APageIsFoundOnlyBehindTheSameBeginning) {
    PagePool pool(8, kPageTokens);
    const auto first = fill(pool, sequence_of({1, 2, 3, 4}));
    const auto second = fill(pool, sequence_of({9, 9, 3, 4}));
    EXPECT_NE(first[1], second[1]);
    expect_sound(pool, {first, second});
}

TEST(PagePool, EqualHashesOfDifferentTokensAreToldApart) {
    PagePool pool(8, kPageTokens);
    auto first = sequence_of({1, 2, 3, 4}), second = sequence_of({5, 6, 3, 4});
    first.page_hashes =
        second.page_hashes = {42, 42};  // the second pages differ only in what stands before them
    const auto a = fill(pool, first), b = fill(pool, second);
    std::vector<int32_t> found;
    pool.acquire_prefix(PagePool::kNone, second.tokens, second.page_hashes, found);
    EXPECT_EQ(found, b);
    expect_sound(pool, {a, b, found});
}

TEST(PagePool, GivenUpPagesAreFoundAgainUntilTheirRoomIsNeeded) {
    PagePool pool(4, kPageTokens);
    const auto old = sequence_of({1, 2, 3, 4});
    auto table = fill(pool, old);
    pool.release(table);
    EXPECT_EQ(pool.available(), 4);

    auto again = fill(pool, old);
    EXPECT_EQ(pool.available(), 2);
    pool.release(again);

    std::vector<int32_t> taken;
    for (int i = 0; i < 3; ++i) taken.push_back(pool.allocate());  // two unused ones, then the end of the old
    std::vector<int32_t> found;
    pool.acquire_prefix(PagePool::kNone, old.tokens, old.page_hashes, found);
    EXPECT_EQ(found.size(), 1u) << "the last page goes first, the one before it stays";
    expect_sound(pool, {taken, found});
}

TEST(PagePool, TheLeastRecentlyUsedGoesFirst) {
    PagePool pool(3, kPageTokens);
    const auto a = sequence_of({1, 1}), b = sequence_of({2, 2}), c = sequence_of({3, 3});
    for (const auto* sequence : {&a, &b, &c, &a}) {
        auto table = fill(pool, *sequence);
        pool.release(table);
    }
    pool.allocate();
    std::vector<int32_t> found;
    pool.acquire_prefix(PagePool::kNone, b.tokens, b.page_hashes, found);
    EXPECT_TRUE(found.empty());
    pool.acquire_prefix(PagePool::kNone, a.tokens, a.page_hashes, found);
    EXPECT_EQ(found.size(), 1u);
}

TEST(PagePool, TwoThatComputedTheSamePageEndUpWithOne) {
    PagePool pool(4, kPageTokens);
    const auto sequence = sequence_of({1, 2});
    const int32_t mine = pool.allocate(), yours = pool.allocate();
    EXPECT_EQ(pool.publish(mine, PagePool::kNone, sequence.page_hashes[0], sequence.tokens), mine);
    EXPECT_EQ(pool.publish(yours, PagePool::kNone, sequence.page_hashes[0], sequence.tokens), mine);
    EXPECT_EQ(pool.available(), 3);
    const std::vector<int32_t> table = {mine};
    expect_sound(pool, {table, table});
}

TEST(PagePool, TheCheckSeesALeakAndALostReference) {
    PagePool pool(4, kPageTokens);
    const std::vector<int32_t> table = {pool.allocate()}, wild = {17};
    const std::vector<std::span<const int32_t>> none, twice = {table, table}, beyond = {table, wild};
    EXPECT_TRUE(pool.find_fault(none));
    EXPECT_TRUE(pool.find_fault(twice));
    EXPECT_TRUE(pool.find_fault(beyond));
}

TEST(PagePoolSalts, PrefixesOfDifferentSaltsNeverMeet) {
    PagePool pool(8, 2);
    const std::vector<TokenId> tokens = {1, 2};
    constexpr uint64_t kSameHash = 77;  // as if an attacker had found a salt whose hash collides
    const std::vector<uint64_t> hashes = {kSameHash};
    const int32_t alice = pool.hold_root("alice"), bob = pool.hold_root("bob");
    EXPECT_NE(alice, bob);
    EXPECT_EQ(pool.hold_root("alice"), alice);
    std::vector<int32_t> table = {pool.allocate()};
    table[0] = pool.publish(table[0], alice, kSameHash, tokens);
    std::vector<int32_t> others;
    for (const int32_t root : {bob, PagePool::kNone}) {
        pool.acquire_prefix(root, tokens, hashes, others);
        EXPECT_TRUE(others.empty());
    }
    pool.acquire_prefix(alice, tokens, hashes, others);
    EXPECT_EQ(others, table);
    pool.release(others);
    pool.release(table);
    // The page keeps its root alive after its holders; the name is forgotten with the last page.
    pool.release_root(alice);
    pool.release_root(alice);
    EXPECT_EQ(pool.hold_root("alice"), alice);
    pool.release_root(alice);
    for (int i = 0; i < 8; ++i) table.push_back(pool.allocate());
    EXPECT_EQ(pool.hold_root("carol"), alice) << "the slot is used again";
    const std::span<const int32_t> tables[] = {table};
    EXPECT_FALSE(pool.find_fault(tables));
}

}  // namespace
}  // namespace airframe
