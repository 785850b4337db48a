// GBNF, the grammars of llama.cpp's users: rules `name ::= …` over texts, character classes, groups,
// alternatives and repetitions; `root` is the whole text.
#include <algorithm>
#include <charconv>
#include <map>

#include "airframe/text/grammar.h"
#include "airframe/text/grammar_gbnf.h"
#include "airframe/text/regex_classes.h"
#include "base/utf8.h"

namespace airframe {
namespace {

using base::Result;

constexpr uint32_t kDepthMax = 200;
constexpr uint32_t kNodesMax = 80'000;
constexpr uint32_t kUnbounded = UINT32_MAX;

bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

class GbnfParser {
  public:
    explicit GbnfParser(std::string_view text) : text_(text) {}

    Result<void> parse() {
        if (!base::is_valid_utf8(text_)) return wrong("it is not valid UTF-8");
        skip(true);
        while (at_ < text_.size()) {
            TRY_VOID(rule());
            skip(true);
        }
        for (const GbnfRule& r : rules) {
            if (r.defined) continue;
            at_ = r.first_use;
            return wrong(fmt::format("the rule '{}' is not defined", r.name));
        }
        const auto root = numbers_.find("root");
        if (root == numbers_.end()) return wrong("there is no rule 'root'");
        root_rule = root->second;
        return {};
    }

    std::unexpected<base::Error> wrong_at(size_t at, std::string_view what) {
        at_ = at;
        return wrong(what);
    }

    GbnfDraft draft;
    std::vector<GbnfRule> rules;
    uint32_t root_rule = 0;

  private:
    std::unexpected<base::Error> wrong(std::string_view what) const { return gbnf_error(text_, at_, what); }
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    bool take(std::string_view what) {
        if (!text_.substr(at_).starts_with(what)) return false;
        at_ += what.size();
        return true;
    }
    void skip(bool newlines) {
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '#') {
                while (at_ < text_.size() && text_[at_] != '\n') ++at_;
            } else if (c == ' ' || c == '\t' || (newlines && (c == '\n' || c == '\r'))) {
                ++at_;
            } else {
                return;
            }
        }
    }
    std::string_view name() {
        const size_t begin = at_;
        while (at_ < text_.size() && is_name(text_[at_])) ++at_;
        return text_.substr(begin, at_ - begin);
    }
    uint32_t rule_number(std::string_view rule_name, size_t where) {
        const auto [it, fresh] =
            numbers_.try_emplace(std::string(rule_name), static_cast<uint32_t>(rules.size()));
        if (fresh) rules.push_back({std::string(rule_name), draft.add(), draft.add(), false, where});
        return it->second;
    }

    Result<void> rule() {
        const size_t where = at_;
        const std::string_view rule_name = name();
        if (rule_name.empty()) return wrong("a rule's name is needed here");
        skip(false);
        if (!take("::=")) return wrong("'::=' is needed here");
        skip(true);
        const uint32_t number = rule_number(rule_name, where);
        if (rules[number].defined)
            return wrong_at(where, fmt::format("the rule '{}' is defined twice", rule_name));
        rules[number].defined = true;
        TRY(const uint32_t end, alternatives(rules[number].begin, 0));
        link(end, rules[number].end);
        skip(false);
        if (at_ < text_.size() && peek() != '\n' && peek() != '\r') return wrong("the rule should end here");
        return {};
    }

    void link(uint32_t from, uint32_t to) { draft.nodes[from].empty.push_back(to); }
    uint32_t fresh(uint32_t from) {
        const uint32_t node = draft.add();
        link(from, node);
        return node;
    }
    Result<void> check_size() const {
        if (draft.nodes.size() > kNodesMax)
            return wrong(fmt::format("the grammar comes to more than {} places here", kNodesMax));
        return {};
    }

    Result<uint32_t> alternatives(uint32_t begin, uint32_t depth) {
        if (depth > kDepthMax) return wrong(fmt::format("groups are nested more than {} deep", kDepthMax));
        const uint32_t end = draft.add();
        do {
            skip(depth > 0 || line_goes_on_);
            TRY(const uint32_t after, sequence(fresh(begin), depth));
            link(after, end);
            skip(depth > 0);
            // An alternative may begin on the next line.
            const size_t here = at_;
            skip(true);
            if (peek() != '|') at_ = here;
            line_goes_on_ = true;
        } while (take("|"));
        line_goes_on_ = false;
        return end;
    }

    Result<uint32_t> sequence(uint32_t begin, uint32_t depth) {
        uint32_t at = begin;
        while (true) {
            skip(depth > 0);
            const char c = peek();
            if (at_ >= text_.size() || c == '|' || c == ')' || c == '\n' || c == '\r') return at;
            const auto first = static_cast<uint32_t>(draft.nodes.size());
            TRY(uint32_t end, element(fresh(at), depth));
            const Part part{first, static_cast<uint32_t>(draft.nodes.size()), end};
            const size_t item_end = at_;
            uint32_t min = 1, max = 1;
            TRY(const bool repeats, repetition(min, max));
            if (repeats) {
                const uint64_t copies = max == kUnbounded ? uint64_t{min} + 1 : max;
                if (copies * (part.last - part.first) > kNodesMax)
                    return wrong_at(item_end, "so many repetitions are too large");
                draft.nodes[at].empty.pop_back();  // the element itself is the pattern for its copies
                TRY(end, repeated(at, part, min, max));
            }
            at = end;
        }
    }

    // Places that an element is made of: nodes first to last - 1, from `first` to `end`.
    struct Part {
        uint32_t first, last, end;
    };
    // One more of it, from `begin`; gives the node after it.
    Result<uint32_t> copy(const Part& part, uint32_t begin) {
        const uint32_t offset = static_cast<uint32_t>(draft.nodes.size()) - part.first;
        const auto moved = [&](uint32_t node) {
            return node >= part.first && node < part.last ? node + offset : node;
        };
        for (uint32_t n = part.first; n < part.last; ++n) {
            GbnfDraft::Node node = draft.nodes[n];
            for (auto& edge : node.edges) edge.target = moved(edge.target);
            for (auto& call : node.calls) call.second = moved(call.second);
            for (uint32_t& target : node.empty) target = moved(target);
            draft.nodes.push_back(std::move(node));
        }
        link(begin, part.first + offset);
        TRY_VOID(check_size());
        return moved(part.end);
    }
    Result<uint32_t> repeated(uint32_t begin, const Part& part, uint32_t min, uint32_t max) {
        uint32_t at = begin;
        for (uint32_t i = 0; i < min; ++i) {
            TRY(at, copy(part, fresh(at)));
        }
        if (max == kUnbounded) {
            const uint32_t loop = fresh(at);
            TRY(const uint32_t back, copy(part, loop));
            link(back, loop);
            return fresh(loop);
        }
        const uint32_t end = draft.add();
        for (uint32_t i = min; i < max; ++i) {
            link(at, end);
            TRY(at, copy(part, fresh(at)));
        }
        link(at, end);
        return end;
    }

    Result<bool> repetition(uint32_t& min, uint32_t& max) {
        if (take("*")) {
            min = 0;
            max = kUnbounded;
        } else if (take("+")) {
            max = kUnbounded;
        } else if (take("?")) {
            min = 0;
        } else if (take("{")) {
            TRY_VOID(bounds(min, max));
        } else {
            return false;
        }
        skip(false);
        if (std::string_view("*+?{").contains(peek()) && at_ < text_.size())
            return wrong("a repetition cannot be repeated; put it in a group");
        return true;
    }
    Result<void> bounds(uint32_t& min, uint32_t& max) {
        const auto number = [&](uint32_t& value) {
            skip(false);
            const char* begin = text_.data() + at_;
            const auto [end, failed] = std::from_chars(begin, text_.data() + text_.size(), value);
            at_ += static_cast<size_t>(end - begin);
            skip(false);
            return failed == std::errc();
        };
        min = 0;
        const bool has_min = number(min);
        max = min;
        if (take(",")) {
            if (!number(max)) max = kUnbounded;
        } else if (!has_min) {
            return wrong("a number is needed here");
        }
        if (!take("}")) return wrong("'}' is needed here");
        if (min > max) return wrong("the bounds are in the wrong order");
        if (min > kNodesMax || (max > kNodesMax && max != kUnbounded))
            return wrong("so many repetitions are too large");
        return {};
    }

    Result<uint32_t> element(uint32_t begin, uint32_t depth) {
        TRY_VOID(check_size());
        if (take("(")) {
            const bool outer = line_goes_on_;
            TRY(const uint32_t end, alternatives(begin, depth + 1));
            line_goes_on_ = outer;
            skip(true);
            if (!take(")")) return wrong("')' is needed here");
            return end;
        }
        if (take("\"")) return literal(begin);
        if (take("[")) return bracket(begin);
        const uint32_t end = draft.add();
        if (take(".")) {
            add_set(begin, end, normalized({{0, 0x10FFFF}}));
            return end;
        }
        const size_t where = at_;
        const std::string_view called = name();
        if (called.empty()) return wrong("this is no part of a rule");
        const uint32_t number = rule_number(called, where);
        draft.nodes[begin].calls.emplace_back(number, end);
        return end;
    }

    Result<uint32_t> literal(uint32_t begin) {
        uint32_t at = begin;
        while (!take("\"")) {
            if (at_ >= text_.size() || peek() == '\n') return wrong("the text does not end");
            TRY(const char32_t c, character());
            const uint32_t next = draft.add();
            add_set(at, next, {{c, c}});
            at = next;
            TRY_VOID(check_size());
        }
        return at;
    }

    Result<uint32_t> bracket(uint32_t begin) {
        const bool negated = take("^");
        CharSet set;
        while (!take("]")) {
            if (at_ >= text_.size() || peek() == '\n') return wrong("']' is missing");
            TRY(const char32_t lo, character());
            char32_t hi = lo;
            if (peek() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
                ++at_;
                TRY(hi, character());
            }
            if (hi < lo) return wrong("the range is in the wrong order");
            set.push_back({lo, hi});
        }
        set = normalized(std::move(set));
        const uint32_t end = draft.add();
        add_set(begin, end, negated ? inverted(set) : set);
        return end;
    }

    Result<char32_t> character() {
        if (!take("\\")) return base::next_code_point(text_, at_);
        constexpr std::string_view kNames = "nrt\\\"[]-^/.", kValues = "\n\r\t\\\"[]-^/.";
        const char c = peek();
        if (const size_t found = kNames.find(c); found != std::string_view::npos && at_ < text_.size()) {
            ++at_;
            return static_cast<char32_t>(kValues[found]);
        }
        const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
        if (digits == 0) return wrong("there is no such escape");
        ++at_;
        uint32_t value = 0;
        const std::string_view hex = text_.substr(at_, digits);
        const auto [end, failed] = std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
        if (hex.size() < digits || failed != std::errc() || end != hex.data() + digits)
            return wrong("hexadecimal digits are needed here");
        if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) return wrong("this is no character");
        at_ += digits;
        return value;
    }

    // Characters as paths of bytes.
    void add_set(uint32_t from, uint32_t to, const CharSet& set) {
        for (const CharRange& range : set) add_range(from, to, range.lo, range.hi);
    }
    void add_range(uint32_t from, uint32_t to, char32_t lo, char32_t hi) {
        constexpr char32_t kLast[] = {0x7F, 0x7FF, 0xFFFF, 0x10FFFF};
        for (int bytes = 1; bytes <= 4 && lo <= hi; ++bytes) {
            if (lo > kLast[bytes - 1]) continue;
            add_utf8(from, to, {lo, std::min(hi, kLast[bytes - 1])}, bytes - 1);
            lo = kLast[bytes - 1] + 1;
        }
    }
    // Of `left` further bytes: splits the range until the last bytes run over all they can.
    void add_utf8(uint32_t from, uint32_t to, CharRange range, int left) {
        for (int i = 1; i <= left; ++i) {
            const char32_t mask = (char32_t{1} << (6 * i)) - 1;
            if ((range.lo & ~mask) == (range.hi & ~mask)) continue;
            if ((range.lo & mask) != 0) {
                add_utf8(from, to, {range.lo, range.lo | mask}, left);
                return add_utf8(from, to, {(range.lo | mask) + 1, range.hi}, left);
            }
            if ((range.hi & mask) != mask) {
                add_utf8(from, to, {range.lo, (range.hi & ~mask) - 1}, left);
                return add_utf8(from, to, {range.hi & ~mask, range.hi}, left);
            }
        }
        std::string lo, hi;
        base::append_utf8(lo, range.lo);
        base::append_utf8(hi, range.hi);
        uint32_t at = from;
        for (size_t i = 0; i < lo.size(); ++i) {
            const uint32_t next = i + 1 == lo.size() ? to : draft.add();
            draft.nodes[at].edges.push_back({static_cast<uint8_t>(lo[i]), static_cast<uint8_t>(hi[i]), next});
            at = next;
        }
    }

    std::string_view text_;
    size_t at_ = 0;
    bool line_goes_on_ = false;
    std::map<std::string, uint32_t, std::less<>> numbers_;
};

}  // namespace

base::Result<GrammarPtr> compile_gbnf(std::string_view text) {
    GbnfParser parser(text);
    TRY_VOID(parser.parse());
    return finish_gbnf({parser.draft.nodes, parser.rules, parser.root_rule, text});
}

}  // namespace airframe
