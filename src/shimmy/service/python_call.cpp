#include "shimmy/service/python_call.h"

#include <boost/json.hpp>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <optional>

namespace shimmy {

namespace json = boost::json;

namespace {

constexpr int kDepthMax = 64;

bool is_name_char(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Names of functions are no Python: OpenAI's may have a dash.
bool is_function_char(char c) { return is_name_char(c) || c == '.' || c == '-'; }

// Behind the parenthesis that closes the one before `at`; npos when it is not there yet.
size_t closing(std::string_view text, size_t at) {
    int depth = 1;
    char quote = 0;
    for (; at < text.size(); ++at) {
        const char c = text[at];
        if (quote != 0) {
            if (c == '\\') {
                ++at;
            } else if (c == quote) {
                quote = 0;
            }
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '(' || c == '[' || c == '{') {
            ++depth;
        } else if ((c == ')' || c == ']' || c == '}') && --depth == 0) {
            return at + 1;
        }
    }
    return std::string_view::npos;
}

// Python's literals, complete ones only.
class LiteralReader {
  public:
    LiteralReader(std::string_view text, size_t at) : text_(text), at_(at) {}

    std::optional<json::value> value() {
        if (++depth_ > kDepthMax) return std::nullopt;
        space();
        auto result = any();
        --depth_;
        space();
        return result;
    }
    bool take(char c) {
        space();
        if (at_ >= text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    std::string_view word() {
        space();
        const size_t begin = at_;
        while (at_ < text_.size() && is_name_char(text_[at_])) ++at_;
        return text_.substr(begin, at_ - begin);
    }

  private:
    void space() { at_ = skip_space(text_, at_); }

    std::optional<json::value> any() {
        if (at_ >= text_.size()) return std::nullopt;
        const char c = text_[at_];
        if (c == '"' || c == '\'') return string();
        if (c == '[' || c == '(') return list(c == '[' ? ']' : ')');
        if (c == '{') return dictionary();
        return scalar();
    }

    std::optional<json::value> string() {
        const char quote = text_[at_++];
        std::string out;
        while (at_ < text_.size() && text_[at_] != quote) {
            if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
                ++at_;
                out += text_[at_] == 'u' ? code_unit() : escaped(text_[at_]);
            } else {
                out += text_[at_];
            }
            ++at_;
        }
        if (!take(quote)) return std::nullopt;
        return json::value(out);
    }
    // \u and its digits, a pair of halves together; as it stands where it is none.
    std::string code_unit() {
        constexpr size_t kDigits = 4;
        size_t length = 1 + kDigits;
        if (text_.substr(at_ + length).starts_with("\\u")) length += 2 + kDigits;
        for (; length > kDigits; length -= std::min(length, 2 + kDigits)) {
            const auto text = unquote("\"\\" + std::string(text_.substr(at_, length)) + "\"");
            if (!text) continue;
            at_ += length - 1;
            return *text;
        }
        return "\\u";
    }
    static std::string escaped(char c) {
        switch (c) {
            case 'b':
                return "\b";
            case 'f':
                return "\f";
            case '/':
                return "/";
            case 'n':
                return "\n";
            case 't':
                return "\t";
            case 'r':
                return "\r";
            case '\\':
            case '"':
            case '\'':
                return std::string(1, c);
            default:
                return std::string("\\") + c;
        }
    }

    std::optional<json::value> list(char end) {
        json::array out;
        ++at_;
        while (!take(end)) {
            auto item = value();
            if (!item) return std::nullopt;
            out.push_back(std::move(*item));
            if (!take(',') && (at_ >= text_.size() || text_[at_] != end)) return std::nullopt;
        }
        return out;
    }

    std::optional<json::value> dictionary() {
        json::object out;
        ++at_;
        while (!take('}')) {
            const auto key = value();
            if (!key || !key->is_string() || !take(':')) return std::nullopt;
            auto item = value();
            if (!item) return std::nullopt;
            out[key->get_string()] = std::move(*item);
            if (!take(',') && (at_ >= text_.size() || text_[at_] != '}')) return std::nullopt;
        }
        return out;
    }

    std::optional<json::value> scalar() {
        const size_t begin = at_;
        while (at_ < text_.size() &&
               (is_name_char(text_[at_]) || text_[at_] == '.' || text_[at_] == '-' || text_[at_] == '+'))
            ++at_;
        const std::string_view word = text_.substr(begin, at_ - begin);
        if (word == "True" || word == "true") return json::value(true);
        if (word == "False" || word == "false") return json::value(false);
        if (word == "None" || word == "null") return json::value(nullptr);
        boost::system::error_code error;
        json::value number = json::parse(word, error);
        if (error || !number.is_number()) return std::nullopt;
        constexpr double kExactMax = 9007199254740992;  // 2^53
        const double* real = number.if_double();
        if (real != nullptr && std::abs(*real) < kExactMax && std::trunc(*real) == *real)
            return json::value(static_cast<int64_t>(*real));  // 10.0: no exponent in its JSON
        return number;
    }

    const std::string_view text_;
    size_t at_;
    int depth_ = 0;
};

}  // namespace

PythonCall read_python_call(std::string_view text) {
    PythonCall call;
    size_t at = skip_space(text, 0);
    const size_t begin = at;
    while (at < text.size() && is_function_char(text[at])) ++at;
    if (at == text.size()) return call;
    if (at == begin || text[at] != '(') return {.state = Scan::kBad};
    std::string_view name = text.substr(begin, at - begin);
    if (name.ends_with(".call")) name.remove_suffix(5);
    call.end = closing(text, at + 1);
    if (call.end == std::string_view::npos) return call;
    json::object arguments;
    LiteralReader reader(text.substr(0, call.end), at + 1);
    while (!reader.take(')')) {
        const std::string key(reader.word());
        if (key.empty() || !reader.take('=')) return {.state = Scan::kBad};
        auto value = reader.value();
        if (!value) return {.state = Scan::kBad};
        arguments[key] = std::move(*value);
        reader.take(',');
    }
    call.state = Scan::kOk;
    call.name = name;
    call.arguments = json::serialize(arguments);
    return call;
}

}  // namespace shimmy
