// Template text to tokens. One pass, no regular expressions; linear in the source. See jinja_lexer.h.
#include "airframe/text/jinja_lexer.h"

#include <fmt/format.h>

#include <algorithm>

#include "airframe/text/jinja_unicode.h"
#include "base/utf8.h"

namespace airframe::jinja {
namespace {

struct Operator {
    std::string_view text;
    Tok kind;
};
constexpr Operator kOperators[] = {
    // longer ones first
    {"//", Tok::kFloorDiv},     {"**", Tok::kPow},         {"==", Tok::kEqual},    {"!=", Tok::kNotEqual},
    {">=", Tok::kGreaterEqual}, {"<=", Tok::kLessEqual},   {"+", Tok::kAdd},       {"-", Tok::kSub},
    {"/", Tok::kDiv},           {"*", Tok::kMul},          {"%", Tok::kMod},       {"~", Tok::kTilde},
    {"[", Tok::kLeftBracket},   {"]", Tok::kRightBracket}, {"(", Tok::kLeftParen}, {")", Tok::kRightParen},
    {"{", Tok::kLeftBrace},     {"}", Tok::kRightBrace},   {">", Tok::kGreater},   {"<", Tok::kLess},
    {"=", Tok::kAssign},        {".", Tok::kDot},          {":", Tok::kColon},     {"|", Tok::kPipe},
    {",", Tok::kComma},         {";", Tok::kSemicolon},
};

bool is_digit_char(char c) { return c >= '0' && c <= '9'; }

bool is_based_digit(char c, int base) {
    if (base == 16) return std::isxdigit(static_cast<unsigned char>(c)) != 0;
    return c >= '0' && c < '0' + base;
}

class Lexer {
  public:
    explicit Lexer(std::string_view source) : source_(source) {}

    std::vector<Token> run() {
        while (at_ < source_.size()) text_then_tag();
        add(Tok::kEnd, source_.size(), source_.size());
        return std::move(tokens_);
    }

  private:
    [[noreturn]] void fail(std::string message, size_t offset) const {
        throw SyntaxFailure{std::move(message), offset};
    }

    void add(Tok kind, size_t begin, size_t end) {
        tokens_.push_back({kind, source_.substr(begin, end - begin), begin});
    }

    bool starts(std::string_view text, size_t at) const { return source_.substr(at, text.size()) == text; }

    size_t skip_space(size_t at) const { return at + leading_space_bytes(source_.substr(at)); }

    char sign_at(size_t at) const {
        return at < source_.size() && (source_[at] == '-' || source_[at] == '+') ? source_[at] : '\0';
    }

    size_t find_tag(size_t from) const {
        for (size_t at = source_.find('{', from); at != std::string_view::npos;
             at = source_.find('{', at + 1)) {
            if (at + 1 < source_.size() &&
                (source_[at + 1] == '{' || source_[at + 1] == '%' || source_[at + 1] == '#'))
                return at;
        }
        return source_.size();
    }

    // The text before a tag, less the white space that the tag takes away.
    void add_data(size_t begin, size_t end, char sign, bool strips_line) {
        std::string_view text = source_.substr(begin, end - begin);
        if (sign == '-') {
            text.remove_suffix(trailing_space_bytes(text));
        } else if (sign != '+' && strips_line) {
            const size_t line_begin = text.rfind('\n') + 1;  // 0 without a line break
            const std::string_view rest = text.substr(line_begin);
            if ((line_begin > 0 || line_starting_) && leading_space_bytes(rest) == rest.size())
                text = text.substr(0, line_begin);
        }
        if (!text.empty()) add(Tok::kData, begin, begin + text.size());
    }

    void text_then_tag() {
        const size_t begin = at_;
        const size_t tag = find_tag(begin);
        if (tag == source_.size()) {
            add(Tok::kData, begin, tag);
            at_ = tag;
            return;
        }
        const char kind = source_[tag + 1];
        const char sign = sign_at(tag + 2);
        add_data(begin, tag, sign, kind != '{');
        at_ = tag + (sign ? 3 : 2);
        line_starting_ = false;
        if (kind == '#') return comment(tag);
        if (kind == '%' && raw(tag)) return;
        add(kind == '{' ? Tok::kPrintBegin : Tok::kBlockBegin, tag, at_);
        expression(kind == '{');
    }

    // After an end tag at `end`: what `-` and trim_blocks take away behind it.
    void after_tag(size_t end, char sign, bool trims_newline) {
        at_ = end;
        if (sign == '-')
            at_ = skip_space(end);
        else if (sign != '+' && trims_newline && at_ < source_.size() && source_[at_] == '\n')
            ++at_;
        line_starting_ = source_[at_ - 1] == '\n';
    }

    void comment(size_t tag) {
        const size_t end = source_.find("#}", at_);
        if (end == std::string_view::npos) fail("Missing end of comment tag", tag);
        const char sign = end > at_ ? sign_at(end - 1) : '\0';
        after_tag(end + 2, sign, true);
    }

    // "raw" or "endraw" and the end of its tag from `at` on: the offset behind "%}" and the sign before it.
    struct TagEnd {
        size_t end;
        char sign;
    };
    bool bare_tag(size_t at, std::string_view name, TagEnd& out) const {
        at = skip_space(at);
        if (!starts(name, at)) return false;
        at = skip_space(at + name.size());
        out.sign = sign_at(at);
        if (out.sign) ++at;
        if (!starts("%}", at)) return false;
        out.end = at + 2;
        return true;
    }

    bool raw(size_t tag) {
        TagEnd begin{};
        if (!bare_tag(at_, "raw", begin) || begin.sign == '+') return false;
        after_tag(begin.end, begin.sign, false);
        const size_t body = at_;
        for (size_t end = source_.find("{%", body); end != std::string_view::npos;
             end = source_.find("{%", end + 1)) {
            const char sign = sign_at(end + 2);
            TagEnd close{};
            if (!bare_tag(end + (sign ? 3 : 2), "endraw", close)) continue;
            add_data(body, end, sign, true);
            after_tag(close.end, close.sign, true);
            return true;
        }
        fail("Missing end of raw directive", tag);
    }

    // The end tag here, if there is one: only outside of brackets.
    bool end_tag(bool print) {
        const char sign = sign_at(at_);
        if (print && sign == '+') return false;
        const size_t mark = at_ + (sign ? 1 : 0);
        if (!starts(print ? "}}" : "%}", mark)) return false;
        add(print ? Tok::kPrintEnd : Tok::kBlockEnd, at_, mark + 2);
        after_tag(mark + 2, sign, !print);
        return true;
    }

    void expression(bool print) {
        brackets_.clear();
        while (true) {
            at_ = skip_space(at_);
            if (at_ >= source_.size()) return;
            if (brackets_.empty() && end_tag(print)) return;
            const char c = source_[at_];
            if (is_digit_char(c))
                number();
            else if (c == '\'' || c == '"')
                string(c);
            else if (!name())
                operator_token();
        }
    }

    size_t digits(size_t at) const {  // digits with single underscores between them
        while (at < source_.size() && is_digit_char(source_[at])) {
            ++at;
            if (at + 1 < source_.size() && source_[at] == '_' && is_digit_char(source_[at + 1])) ++at;
        }
        return at;
    }

    size_t float_end(size_t at) const {  // `at` when there is no float
        if (at > 0 && source_[at - 1] == '.') return at;
        size_t end = digits(at);
        bool is_float = false;
        if (end + 1 < source_.size() && source_[end] == '.' && is_digit_char(source_[end + 1])) {
            end = digits(end + 1);
            is_float = true;
        }
        if (end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
            const size_t exponent = end + 1 + (sign_at(end + 1) ? 1 : 0);
            if (exponent < source_.size() && is_digit_char(source_[exponent])) return digits(exponent);
        }
        return is_float ? end : at;
    }

    size_t integer_end(size_t at) const {
        const char letter = at + 1 < source_.size() ? static_cast<char>(source_[at + 1] | 0x20) : '\0';
        const int base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
        if (source_[at] != '0') return digits(at);
        if (base != 10) {
            size_t end = at + 2;
            const auto digit_at = [&](size_t i) {
                return i < source_.size() && is_based_digit(source_[i], base);
            };
            while (digit_at(end) || (end < source_.size() && source_[end] == '_' && digit_at(end + 1))) ++end;
            if (end > at + 2) return end;
        }
        size_t end = at + 1;
        const auto zero_at = [&](size_t i) { return i < source_.size() && source_[i] == '0'; };
        while (zero_at(end) || (end < source_.size() && source_[end] == '_' && zero_at(end + 1))) ++end;
        return end;
    }

    void number() {
        const size_t begin = at_;
        at_ = float_end(begin);
        const bool is_float = at_ != begin;
        if (!is_float) at_ = integer_end(begin);
        add(is_float ? Tok::kFloat : Tok::kInteger, begin, at_);
    }

    void string(char quote) {
        size_t at = at_ + 1;
        while (at < source_.size() && source_[at] != quote) at += source_[at] == '\\' ? 2 : 1;
        if (at >= source_.size()) fail(fmt::format("this string has no closing {}", quote), at_);
        add(Tok::kString, at_, at + 1);
        at_ = at + 1;
    }

    bool name() {
        size_t end = at_;
        bool first = true;
        while (end < source_.size()) {
            size_t next = end;
            const char32_t c = base::next_code_point(source_, next);
            if (!(first ? is_identifier_start(c) : is_identifier_part(c))) break;
            first = false;
            end = next;
        }
        if (first) return false;
        add(Tok::kName, at_, end);
        at_ = end;
        return true;
    }

    void operator_token() {
        for (const Operator& row : kOperators) {
            if (!starts(row.text, at_)) continue;
            balance(row.text[0]);
            add(row.kind, at_, at_ + row.text.size());
            at_ += row.text.size();
            return;
        }
        size_t end = at_;
        base::next_code_point(source_, end);
        fail(fmt::format("unexpected char '{}'", source_.substr(at_, end - at_)), at_);
    }

    void balance(char c) {
        if (c == '(') brackets_.push_back(')');
        if (c == '[') brackets_.push_back(']');
        if (c == '{') brackets_.push_back('}');
        if (c != ')' && c != ']' && c != '}') return;
        if (brackets_.empty()) fail(fmt::format("unexpected '{}'", c), at_);
        if (brackets_.back() != c)
            fail(fmt::format("unexpected '{}', expected '{}'", c, brackets_.back()), at_);
        brackets_.pop_back();
    }

    const std::string_view source_;
    size_t at_ = 0;
    bool line_starting_ = true;  // the text read last ended a line
    std::string brackets_;       // closing brackets awaited
    std::vector<Token> tokens_;
};

}  // namespace

std::string normalise_source(std::string_view given) {
    const std::string source = base::to_valid_utf8(given);
    std::string out;
    out.reserve(source.size());
    for (size_t i = 0; i < source.size(); ++i) {
        if (source[i] != '\r') {
            out.push_back(source[i]);
            continue;
        }
        out.push_back('\n');
        if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    }
    if (!out.empty() && out.back() == '\n') out.pop_back();
    return out;
}

std::vector<Token> tokenize_template(std::string_view source) { return Lexer(source).run(); }

std::string_view describe(Tok kind) {
    switch (kind) {
        case Tok::kEnd:
            return "end of template";
        case Tok::kData:
            return "template data / text";
        case Tok::kPrintBegin:
            return "begin of print statement";
        case Tok::kPrintEnd:
            return "end of print statement";
        case Tok::kBlockBegin:
            return "begin of statement block";
        case Tok::kBlockEnd:
            return "end of statement block";
        case Tok::kName:
            return "name";
        case Tok::kString:
            return "string";
        case Tok::kInteger:
            return "integer";
        case Tok::kFloat:
            return "float";
        default:
            break;
    }
    for (const Operator& row : kOperators) {
        if (row.kind == kind) return row.text;
    }
    return "token";
}

}  // namespace airframe::jinja
