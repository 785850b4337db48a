#include "airframe/text/token_masks.h"

#include <algorithm>
#include <numeric>

namespace airframe {
namespace {

void allow(std::vector<uint64_t>& words, TokenId id) {
    words[static_cast<size_t>(id) / 64] |= uint64_t{1} << (static_cast<size_t>(id) % 64);
}

void forbid(std::vector<uint64_t>& words, TokenId id) {
    words[static_cast<size_t>(id) / 64] &= ~(uint64_t{1} << (static_cast<size_t>(id) % 64));
}

uint16_t hex_value(uint8_t byte) {
    return static_cast<uint16_t>(byte <= '9' ? byte - '0' : (byte | 0x20) - 'a' + 10);
}

}  // namespace

// Phases: 0 between characters or inside UTF-8; 1 behind a backslash; 2 … 5 the digits of \u; 6 and 7 the
// backslash and u before the second half of a surrogate pair. REQUIRES: the byte may come here.
TokenMasks::Characters TokenMasks::Characters::after_escape(uint8_t byte) const {
    Characters next = *this;
    switch (phase) {
        case 0:
            next.phase = 1;
            ++next.count;
            return next;
        case 1:
        case 7:
            next.phase = byte == 'u' ? 2 : 0;
            next.unit = 0;
            return next;
        case 6:
            next.phase = 7;
            return next;
        default:
            next.unit = static_cast<uint16_t>(unit * 16 + hex_value(byte));
            next.phase = static_cast<uint8_t>(phase + 1);
            if (next.phase == 6 && (next.unit < 0xD800 || next.unit > 0xDBFF)) next.phase = 0;
            return next;
    }
}

TokenMasks::TokenMasks(GrammarPtr grammar, std::shared_ptr<const TokenTrie> trie, GrammarOptions options)
    : machine_(std::move(grammar), options),
      trie_(std::move(trie)),
      path_(TokenTrie::kTokenBytesMax + 1),
      chars_(TokenTrie::kTokenBytesMax + 1) {}

GrammarState TokenMasks::advance(GrammarState state, TokenId token) {
    const std::string_view text = trie_->text(token);
    return text.empty() ? GrammarMachine::kDead : machine_.walk(state, text);
}

void TokenMasks::take(uint32_t trie_node, TopMask& out) const {
    for (const TokenId id : trie_->tokens(trie_node)) allow(out.words, id);
}

// Takes the tokens below `root` that may come from `state`.
void TokenMasks::walk(GrammarState state, uint32_t root, TopMask& out) {
    const auto nodes = trie_->nodes();
    path_[nodes[root].depth] = state;
    for (uint32_t at = root + 1; at < nodes[root].end;) {
        const TokenTrie::Node& node = nodes[at];
        const GrammarState next = machine_.step(path_[node.depth - 1u], node.byte);
        if (next == GrammarMachine::kDead) {
            at = node.end;
            continue;
        }
        take(at, out);
        if (node.end - at > kSubtreeWorthIt) {
            if (const auto inside = machine_.inside_string(next)) {
                walk_string(inside->place, inside->below, at, out);
                at = node.end;
                continue;
            }
        }
        path_[node.depth] = next;
        if (machine_.leaves(next) && node.end > at + 1) out.leaving.push_back(at);
        ++at;
    }
}

// Visits the nodes below `root` that go on inside the string: inside(node, characters so far, state), false
// to turn back; and those where it ends: exit(node, characters).
template <class Inside, class Exit>
void TokenMasks::for_string(uint32_t twin, uint32_t root, Inside inside, Exit exit) {
    const auto nodes = trie_->nodes();
    path_[nodes[root].depth] = machine_.alone(twin);
    chars_[nodes[root].depth] = {};
    for (uint32_t at = root + 1; at < nodes[root].end;) {
        const TokenTrie::Node& node = nodes[at];
        const GrammarState next = machine_.step(path_[node.depth - 1u], node.byte);
        const Characters before = chars_[node.depth - 1u];
        if (next == GrammarMachine::kDead) {
            at = node.end;
        } else if (machine_.leaves(next)) {
            exit(at, before.count);
            at = node.end;
        } else {
            path_[node.depth] = next;
            chars_[node.depth] = before.after(node.byte);
            at = inside(at, chars_[node.depth].count, next) ? at + 1 : node.end;
        }
    }
}

// The fewest characters from `state`, inside a twin, to the end of a string.
uint32_t TokenMasks::need_after(GrammarState state) {
    if (state != need_state_) {
        need_state_ = state;
        need_ = machine_.string_rest(state);
    }
    return need_;
}

void TokenMasks::walk_string(const NodeTable::StringPlace& place, uint32_t below, uint32_t root,
                             TopMask& out) {
    const GrammarState after = machine_.after_pop(below);
    const auto nodes = trie_->nodes();
    for_string(
        place.twin, root,
        [&](uint32_t at, uint32_t chars, GrammarState state) {
            if (chars > place.room) return false;
            const bool fits = place.room == UINT32_MAX || chars + uint64_t{need_after(state)} <= place.room;
            if (fits) take(at, out);
            return true;
        },
        [&](uint32_t at, uint32_t chars) {
            if (chars > place.room || chars < place.lack) return;
            take(at, out);
            if (nodes[at].end == at + 1 || after == GrammarMachine::kDead) return;
            if (machine_.leaves(after)) out.leaving.push_back(at);
            walk(after, at, out);
        });
}

StringTokens TokenMasks::list_string(uint32_t twin) {
    StringTokens list;
    std::vector<std::pair<uint32_t, uint32_t>> found;  // need, trie node
    std::vector<uint32_t> by_need;                     // tokens
    for_string(
        twin, 0,
        [&](uint32_t at, uint32_t chars, GrammarState state) {
            const auto n = static_cast<uint32_t>(trie_->tokens(at).size());
            if (n == 0) return true;
            const uint32_t need = chars + need_after(state);
            found.emplace_back(need, at);
            if (need >= by_need.size()) by_need.resize(need + 1);
            by_need[need] += n;
            return true;
        },
        [&](uint32_t at, uint32_t chars) { list.exits.push_back({at, chars}); });
    if (by_need.empty()) by_need.push_back(0);
    list.upto.resize(by_need.size());
    std::inclusive_scan(by_need.begin(), by_need.end(), list.upto.begin());
    list.inside.resize(list.upto.back());
    list.all.assign(trie_->mask_words(), 0);
    std::exclusive_scan(by_need.begin(), by_need.end(), by_need.begin(), 0u);  // now where they go
    for (const auto& [need, at] : found) {
        for (const TokenId id : trie_->tokens(at)) {
            list.inside[by_need[need]++] = id;
            allow(list.all, id);
        }
    }
    return list;
}

const StringTokens& TokenMasks::string_tokens(const NodeTable::StringPlace& place) {
    if (place.plain) return trie_->plain_string([&] { return list_string(place.twin); });
    const auto known = strings_.find(place.twin);
    if (known != strings_.end()) return known->second;
    StringTokens list = list_string(place.twin);
    const size_t bytes =
        list.inside.size() * 4 + list.upto.size() * 4 + list.all.size() * 8 + list.exits.size() * 8;
    if (string_bytes_ + bytes > kListBytesMax) {
        strings_.clear();
        string_bytes_ = 0;
    }
    string_bytes_ += bytes;
    return strings_.emplace(place.twin, std::move(list)).first->second;
}

void TokenMasks::string_mask(const NodeTable::StringPlace& place, TopMask& out) {
    const StringTokens& list = string_tokens(place);
    const uint32_t fit = place.room >= list.upto.size() ? list.upto.back() : list.upto[place.room];
    if (fit > list.inside.size() / 2) {
        out.words = list.all;
        for (size_t i = fit; i < list.inside.size(); ++i) forbid(out.words, list.inside[i]);
    } else {
        out.words.assign(trie_->mask_words(), 0);
        for (size_t i = 0; i < fit; ++i) allow(out.words, list.inside[i]);
    }
    for (const StringTokens::Exit& exit : list.exits) {
        if (exit.chars > place.room || exit.chars < place.lack) continue;
        take(exit.at, out);
        if (trie_->nodes()[exit.at].end > exit.at + 1) out.leaving.push_back(exit.at);
    }
}

const TokenMasks::TopMask& TokenMasks::top_mask(uint32_t node) {
    TopKey key{node, 0, 0};
    const auto place = machine_.string_place(node);
    if (place) {
        constexpr uint32_t kExitsMax = TokenTrie::kTokenBytesMax;  // characters before one
        const auto needs = static_cast<uint32_t>(string_tokens(*place).upto.size());
        key = {place->twin, std::min(place->room, std::max(needs, kExitsMax)),
               std::min(place->lack, kExitsMax + 1)};
    }
    const auto known = tops_.find(key);
    if (known != tops_.end()) return known->second;
    TopMask fresh;
    if (place) {
        string_mask({place->twin, key.room, key.lack, place->plain}, fresh);
    } else {
        fresh.words.assign(trie_->mask_words(), 0);
        walk(machine_.alone(node), 0, fresh);
    }
    const size_t bytes = fresh.words.size() * 8 + fresh.leaving.size() * 4;
    if (top_bytes_ + bytes > kTopBytesMax) {
        tops_.clear();
        top_bytes_ = 0;
    }
    top_bytes_ += bytes;
    return tops_.emplace(key, std::move(fresh)).first->second;
}

void TokenMasks::compute(GrammarState state, std::vector<uint64_t>& words) {
    TopMask out;
    out.words = std::move(words);
    out.words.assign(trie_->mask_words(), 0);
    const auto live = machine_.tops(state);
    const std::vector<GrammarMachine::Top> tops(live.begin(), live.end());
    for (const auto& top : tops) {
        if (GrammarMachine::is_marker(top.node)) continue;
        const TopMask& alone = top_mask(top.node);
        for (size_t i = 0; i < out.words.size(); ++i) out.words[i] |= alone.words[i];
        if (alone.leaving.empty()) continue;
        const GrammarState below = machine_.after_pop(top.below);
        if (below == GrammarMachine::kDead) continue;
        for (const uint32_t at : alone.leaving) walk(below, at, out);
    }
    words = std::move(out.words);
    if (machine_.complete(state))
        for (const TokenId id : trie_->end_tokens()) allow(words, id);
}

base::Result<TokenMasks::Mask> TokenMasks::mask(GrammarState state) {
    const auto known = by_state_.find(state);
    if (known != by_state_.end()) return masks_[known->second];
    std::vector<uint64_t> words;
    if (masks_.size() * trie_->mask_words() * 8 >= kMaskBytesMax) words = std::move(masks_[next_mask_]);
    const bool reuses = !words.empty();
    compute(state, words);
    const bool none = std::ranges::all_of(words, [](uint64_t word) { return word == 0; });
    size_t slot = masks_.size();
    if (reuses) {  // the oldest makes room
        slot = next_mask_;
        next_mask_ = (next_mask_ + 1) % masks_.size();
        by_state_.erase(mask_states_[slot]);
    } else {
        masks_.emplace_back();
        mask_states_.emplace_back();
    }
    masks_[slot] = std::move(words);
    mask_states_[slot] = state;
    memory_bytes_ =
        machine_.memory_bytes() + top_bytes_ + string_bytes_ + masks_.size() * trie_->mask_words() * 8;
    exhausted_ = machine_.exhausted();
    if (machine_.exhausted())
        return base::fail(base::ErrorCode::kInvalidArgument,
                          "The grammar has too many readings to follow: more than {} MB are needed.",
                          machine_.memory_bytes() >> 20);
    if (none && !machine_.complete(state))
        return base::fail(base::ErrorCode::kInvalidArgument,
                          "No token of this model's vocabulary can go on as the grammar demands.");
    by_state_[state] = static_cast<uint32_t>(slot);
    return masks_[slot];
}

}  // namespace airframe
