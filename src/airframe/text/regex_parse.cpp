#include "airframe/text/regex_parse.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/utf8.h"

namespace airframe {
namespace {

using base::ErrorCode;
using base::Result;

constexpr int kDepthMax = 200;
constexpr uint32_t kRepeatMax = 100'000;

class Parser {
  public:
    explicit Parser(std::string_view pattern) : text_(pattern) {}

    Result<RegexTree> parse() {
        if (!base::is_valid_utf8(text_)) return wrong("it is not valid UTF-8");
        TRY(tree_.root, alternatives(0));
        if (at_ < text_.size()) return wrong("')' without '('");
        return std::move(tree_);
    }

  private:
    std::unexpected<base::Error> error(ErrorCode code, std::string_view what) const {
        return base::fail(code, "regular expression, position {}: {}", at_, what);
    }
    std::unexpected<base::Error> wrong(std::string_view what) const {
        return error(ErrorCode::kInvalidArgument, what);
    }
    std::unexpected<base::Error> unsupported(std::string_view what) const {
        return error(ErrorCode::kUnsupported, what);
    }
    bool ends() const { return at_ >= text_.size(); }
    bool next_is(std::string_view what) const { return text_.substr(at_).starts_with(what); }
    bool take(std::string_view what) {
        if (!next_is(what)) return false;
        at_ += what.size();
        return true;
    }
    uint32_t add(RegexNode node) {
        tree_.nodes.push_back(std::move(node));
        return static_cast<uint32_t>(tree_.nodes.size() - 1);
    }
    uint32_t add_set(CharSet set) {
        return add({.kind = RegexNode::Kind::kSet, .set = std::move(set), .children = {}});
    }

    Result<uint32_t> alternatives(int depth) {
        if (depth > kDepthMax) return wrong("groups are nested too deeply");
        std::vector<uint32_t> options;
        do {
            TRY(options.emplace_back(), sequence(depth));
        } while (take("|"));
        if (options.size() == 1) return options[0];
        return add({.kind = RegexNode::Kind::kAlternatives, .set = {}, .children = std::move(options)});
    }

    Result<uint32_t> sequence(int depth) {
        std::vector<uint32_t> parts;
        while (!ends() && !next_is("|") && !next_is(")")) {
            TRY(const uint32_t part, atom(depth));
            TRY(parts.emplace_back(), repeated(part));
        }
        if (parts.size() == 1) return parts[0];
        return add({.kind = RegexNode::Kind::kConcat, .set = {}, .children = std::move(parts)});
    }

    Result<uint32_t> atom(int depth) {
        if (take("^")) return add({.kind = RegexNode::Kind::kBegin, .set = {}, .children = {}});
        if (take("$")) return add({.kind = RegexNode::Kind::kEnd, .set = {}, .children = {}});
        if (take(".")) return add_set(inverted({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}));
        if (next_is("(")) return group(depth);
        if (next_is("[")) return bracket();
        if (next_is("\\")) {
            TRY(CharSet set, escape(false));
            return add_set(std::move(set));
        }
        if (next_is("*") || next_is("+") || next_is("?")) return wrong("nothing to repeat");
        if (next_is("{")) return wrong("nothing to repeat; write \\{ for the character");
        const char32_t c = base::next_code_point(text_, at_);
        return add_set({{c, c}});
    }

    Result<uint32_t> group(int depth) {
        for (const std::string_view look : {"(?=", "(?!", "(?<=", "(?<!"})
            if (next_is(look)) return unsupported("lookaround is not supported");
        take("(");
        if (take("?<")) {
            while (!ends() && !next_is(">")) ++at_;
            if (!take(">")) return wrong("the group's name does not end");
        } else if (next_is("?") && !take("?:")) {
            return unsupported("this kind of group is not supported");
        }
        TRY(const uint32_t inside, alternatives(depth + 1));
        if (!take(")")) return wrong("')' is missing");
        return inside;
    }

    Result<uint32_t> repeated(uint32_t part) {
        uint32_t min = 0, max = 0;
        if (take("*")) {
            max = RegexNode::kUnbounded;
        } else if (take("+")) {
            min = 1;
            max = RegexNode::kUnbounded;
        } else if (take("?")) {
            max = 1;
        } else if (next_is("{")) {
            TRY_VOID(bounds(min, max));
        } else {
            return part;
        }
        take("?");  // how much is tried first makes no difference to what matches
        if (next_is("*") || next_is("+") || next_is("?") || next_is("{")) return wrong("nothing to repeat");
        return add({.kind = RegexNode::Kind::kRepeat, .set = {}, .children = {part}, .min = min, .max = max});
    }

    Result<void> bounds(uint32_t& min, uint32_t& max) {
        take("{");
        if (!number(min)) return wrong("'{' must be followed by a number; write \\{ for the character");
        max = min;
        if (take(",") && !number(max)) max = RegexNode::kUnbounded;
        if (!take("}")) return wrong("'}' is missing");
        if (min > max) return wrong("the bounds are in the wrong order");
        if (min > kRepeatMax || (max > kRepeatMax && max != RegexNode::kUnbounded))
            return wrong("more than 100,000 repetitions");
        return {};
    }
    bool number(uint32_t& value) {
        const char* begin = text_.data() + at_;
        const auto [end, failed] = std::from_chars(begin, text_.data() + text_.size(), value);
        if (failed == std::errc::result_out_of_range) value = kRepeatMax + 1;
        if (failed == std::errc::invalid_argument) return false;
        at_ += static_cast<size_t>(end - begin);
        return true;
    }

    Result<uint32_t> bracket() {
        take("[");
        const bool negated = take("^");
        CharSet set;
        while (!next_is("]")) {
            if (ends()) return wrong("']' is missing");
            TRY(const CharSet first, member());
            const bool single = first.size() == 1 && first[0].lo == first[0].hi;
            if (!single || !next_is("-") || text_.substr(at_).starts_with("-]")) {
                set.insert(set.end(), first.begin(), first.end());
                continue;
            }
            const size_t dash = at_++;
            TRY(const CharSet last, member());
            if (last.size() != 1 || last[0].lo != last[0].hi) {  // a class: the dash stands for itself
                set.insert(set.end(), first.begin(), first.end());
                set.push_back({'-', '-'});
                set.insert(set.end(), last.begin(), last.end());
                continue;
            }
            if (last[0].lo < first[0].lo) {
                at_ = dash;
                return wrong("the range is in the wrong order");
            }
            set.push_back({first[0].lo, last[0].lo});
        }
        take("]");
        set = normalized(std::move(set));
        return add_set(negated ? inverted(set) : std::move(set));
    }
    Result<CharSet> member() {
        if (ends()) return wrong("']' is missing");
        if (next_is("\\")) return escape(true);
        const char32_t c = base::next_code_point(text_, at_);
        return CharSet{{c, c}};
    }

    Result<CharSet> escape(bool in_class) {
        take("\\");
        if (ends()) return wrong("'\\' at the end");
        const char c = text_[at_];
        if (const auto set = class_of_letter(c)) {
            ++at_;
            return *set;
        }
        if (c == 'p' || c == 'P') return property();
        if (c == 'b' && in_class) {
            ++at_;
            return CharSet{{'\b', '\b'}};
        }
        if (c == 'b' || c == 'B') return unsupported("word boundaries (\\b, \\B) are not supported");
        if (c == 'k' || (c >= '1' && c <= '9')) return unsupported("backreferences are not supported");
        TRY(const char32_t code, character());
        return normalized({{code, code}});
    }

    Result<CharSet> property() {
        const bool negated = text_[at_] == 'P';
        ++at_;
        if (!take("{")) return wrong("\\p must be followed by {NAME}");
        const size_t end = text_.find('}', at_);
        if (end == std::string_view::npos) return wrong("'}' is missing");
        const auto set = class_of_property(text_.substr(at_, end - at_));
        if (!set) return unsupported("this Unicode property is not supported; general categories are");
        at_ = end + 1;
        return negated ? inverted(*set) : *set;
    }

    Result<char32_t> character() {
        constexpr std::string_view kNames = "tnvfr0", kValues("\t\n\v\f\r\0", 6);
        const char c = text_[at_];
        if (const size_t found = kNames.find(c); found != std::string_view::npos) {
            ++at_;
            return static_cast<char32_t>(kValues[found]);
        }
        if (c == 'c') {
            const char letter = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
            if ((letter | 0x20) < 'a' || (letter | 0x20) > 'z')
                return wrong("\\c must be followed by a letter");
            at_ += 2;
            return static_cast<char32_t>(letter & 0x1F);
        }
        if (c == 'x') {
            ++at_;
            return hex(2);
        }
        if (c == 'u') {
            ++at_;
            return unicode();
        }
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (letter) return wrong("there is no such escape");
        return base::next_code_point(text_, at_);
    }
    Result<char32_t> unicode() {
        if (take("{")) {
            char32_t code = 0;
            while (!next_is("}")) {
                TRY(const char32_t digit, hex(1));
                code = code * 16 + digit;
                if (code > 0x10FFFF) return wrong("beyond the last character");
            }
            take("}");
            return code;
        }
        TRY(const char32_t high, hex(4));
        if (high < 0xD800 || high > 0xDBFF || !take("\\u")) return high;
        TRY(const char32_t low, hex(4));
        if (low < 0xDC00 || low > 0xDFFF) return wrong("a lone surrogate");
        return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    }
    Result<char32_t> hex(size_t digits) {
        uint32_t value = 0;
        const std::string_view text = text_.substr(at_, digits);
        const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
        if (text.size() < digits || failed != std::errc() || end != text.data() + digits)
            return wrong("hexadecimal digits are needed here");
        at_ += digits;
        return value;
    }

    std::string_view text_;
    size_t at_ = 0;
    RegexTree tree_;
};

}  // namespace

Result<RegexTree> parse_regex(std::string_view pattern) { return Parser(pattern).parse(); }

}  // namespace airframe
