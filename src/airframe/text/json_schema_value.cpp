#include "airframe/text/json_schema_value.h"

#include <algorithm>
#include <optional>
#include <unordered_set>

#include "base/utf8.h"

namespace airframe::schema {
namespace {

using base::ErrorCode;
using base::Result;

constexpr int kDepthMax = 100;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Reader {
  public:
    explicit Reader(std::string_view text) : text_(text) {}

    Result<Value> document() {
        TRY(Value value, read(0));
        skip_space();
        if (at_ != text_.size()) return wrong("something follows the value");
        return value;
    }

  private:
    std::unexpected<base::Error> wrong(std::string_view what) const {
        return base::fail(ErrorCode::kInvalidArgument, "the JSON text is malformed at byte {}: {}", at_,
                          what);
    }
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    bool take(char c) {
        if (peek() != c || at_ >= text_.size()) return false;
        ++at_;
        return true;
    }
    void skip_space() {
        while (at_ < text_.size() && std::string_view(" \t\r\n").contains(text_[at_])) ++at_;
    }

    Result<Value> read(int depth) {
        if (depth > kDepthMax) return wrong("more than 100 levels");
        skip_space();
        const char c = peek();
        if (c == '{') return object(depth);
        if (c == '[') return array(depth);
        if (c == '"') {
            TRY(std::string text, string());
            return string_value(std::move(text));
        }
        if (c == '-' || is_digit(c)) return number();
        for (const auto& [word, kind] : {std::pair{"null", Value::Kind::kNull},
                                         {"false", Value::Kind::kFalse},
                                         {"true", Value::Kind::kTrue}}) {
            if (!text_.substr(at_).starts_with(word)) continue;
            at_ += std::string_view(word).size();
            Value value;
            value.kind = kind;
            return value;
        }
        return wrong("a value is needed here");
    }

    Result<Value> object(int depth) {
        Value value;
        value.kind = Value::Kind::kObject;
        std::unordered_set<std::string> seen;
        ++at_;
        skip_space();
        if (take('}')) return value;
        while (true) {
            skip_space();
            if (peek() != '"') return wrong("a key is needed here");
            TRY(std::string key, string());
            if (!seen.insert(key).second) return wrong("the key stands here twice");
            skip_space();
            if (!take(':')) return wrong("':' is needed here");
            TRY(Value member, read(depth + 1));
            value.members.emplace_back(std::move(key), std::move(member));
            skip_space();
            if (take('}')) return value;
            if (!take(',')) return wrong("',' or '}' is needed here");
        }
    }

    Result<Value> array(int depth) {
        Value value;
        value.kind = Value::Kind::kArray;
        ++at_;
        skip_space();
        if (take(']')) return value;
        while (true) {
            TRY(Value item, read(depth + 1));
            value.items.push_back(std::move(item));
            skip_space();
            if (take(']')) return value;
            if (!take(',')) return wrong("',' or ']' is needed here");
        }
    }

    bool digits() {
        const size_t begin = at_;
        while (is_digit(peek())) ++at_;
        return at_ > begin;
    }
    Result<Value> number() {
        const size_t begin = at_;
        take('-');
        if (!take('0') && !digits()) return wrong("a digit is needed here");
        if (take('.') && !digits()) return wrong("a digit is needed here");
        if (take('e') || take('E')) {
            if (!take('+')) take('-');
            if (!digits()) return wrong("a digit is needed here");
        }
        Value value;
        value.kind = Value::Kind::kNumber;
        value.text = text_.substr(begin, at_ - begin);
        return value;
    }

    std::optional<char32_t> hex4() {
        char32_t code = 0;
        for (int i = 0; i < 4; ++i, ++at_) {
            const char c = peek();
            const char lower = static_cast<char>(c | 0x20);
            if (is_digit(c)) {
                code = code * 16 + static_cast<char32_t>(c - '0');
            } else if (lower >= 'a' && lower <= 'f') {
                code = code * 16 + static_cast<char32_t>(lower - 'a' + 10);
            } else {
                return std::nullopt;
            }
        }
        return code;
    }
    Result<void> escape(std::string& out) {
        constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
        const char c = peek();
        if (const size_t at = kNames.find(c); at != std::string_view::npos && at_ < text_.size()) {
            out.push_back(kValues[at]);
            ++at_;
            return {};
        }
        if (!take('u')) return wrong("no escape of JSON");
        auto code = hex4();
        if (!code) return wrong("four hexadecimal digits are needed here");
        if (*code >= 0xDC00 && *code < 0xE000) return wrong("a lone surrogate");
        if (*code >= 0xD800 && *code < 0xDC00) {
            const bool escaped = take('\\') && take('u');
            const auto low = escaped ? hex4() : std::nullopt;
            if (!low || *low < 0xDC00 || *low >= 0xE000) return wrong("a lone surrogate");
            code = 0x10000 + ((*code - 0xD800) << 10) + (*low - 0xDC00);
        }
        base::append_utf8(out, *code);
        return {};
    }
    Result<std::string> string() {
        ++at_;
        std::string out;
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (static_cast<unsigned char>(c) < 0x20) return wrong("a control character in a string");
            ++at_;
            if (c == '"') return out;
            if (c != '\\') {
                out.push_back(c);
                continue;
            }
            TRY_VOID(escape(out));
        }
        return wrong("the string does not end");
    }

    std::string_view text_;
    size_t at_ = 0;
};

}  // namespace

Value::Value() = default;
Value::Value(const Value& other) = default;
Value::Value(Value&& other) noexcept = default;
Value& Value::operator=(const Value& other) = default;
Value& Value::operator=(Value&& other) noexcept = default;
Value::~Value() = default;

const Value* Value::find(std::string_view key) const {
    const auto it =
        std::ranges::find(members, key, [](const auto& member) { return std::string_view(member.first); });
    return it == members.end() ? nullptr : &it->second;
}

Value string_value(std::string text) {
    Value value;
    value.kind = Value::Kind::kString;
    value.text = std::move(text);
    return value;
}

Result<Value> parse_value(std::string_view json) {
    if (!base::is_valid_utf8(json))
        return base::fail(ErrorCode::kInvalidArgument, "the JSON text is not valid UTF-8");
    return Reader(json).document();
}

}  // namespace airframe::schema
