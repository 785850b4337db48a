// pattern % values: Python's printf-like formatting of strings.
#include "airframe/text/jinja_format.h"
#include "airframe/text/jinja_unicode.h"
#include "base/utf8.h"

namespace airframe::jinja {
namespace {

class PercentFormatter {
  public:
    PercentFormatter(Heap& heap, const Value& pattern, const Value& values)
        : heap_(heap),
          out_(heap.budget()),
          pattern_(pattern.as_str()),
          text_(pattern_.view()),
          values_(values) {}

    Str run() {
        while (at_ < text_.size()) {
            const size_t percent = std::min(text_.find('%', at_), text_.size());
            out_.append(pattern_, at_, percent);
            at_ = percent;
            if (at_ == text_.size()) break;
            ++at_;
            conversion();
        }
        const bool all_used =
            values_.is(Kind::kTuple) ? next_ >= values_.as_list()->items.size() : can_index() || next_ > 0;
        if (!all_used) raise("not all arguments converted during string formatting");
        return out_.finish();
    }

  private:
    // Whatever could be a mapping is forgiven for not being used.
    bool can_index() const {
        return values_.is(Kind::kDict) || values_.is(Kind::kList) || values_.is(Kind::kRange) ||
               values_.is(Kind::kBytes) || values_.is_undefined();
    }

    char peek() const {
        if (at_ >= text_.size()) raise("incomplete format");
        return text_[at_];
    }

    Value next_value() {
        if (keyed_) return std::exchange(keyed_value_, Value());
        if (values_.is(Kind::kTuple)) {
            const auto& items = values_.as_list()->items;
            if (next_ >= items.size()) raise("not enough arguments for format string");
            return items[next_++];
        }
        if (next_++ > 0) raise("not enough arguments for format string");
        return values_;
    }

    void key() {
        if (!values_.is(Kind::kDict)) raise("format requires a mapping");
        size_t end = ++at_;
        for (int open = 1; open > 0; ++end) {
            if (end >= text_.size()) raise("incomplete format key");
            if (text_[end] == '(') ++open;
            if (text_[end] == ')') --open;
        }
        const std::string_view name = text_.substr(at_, end - 1 - at_);
        const Value* found = values_.as_dict()->find(name);
        if (!found) raise("KeyError: '{}'", name);
        keyed_value_ = *found;
        keyed_ = true;
        at_ = end;
    }

    int64_t number_or_star() {
        if (peek() == '*') {
            ++at_;
            const Value value = next_value();
            if (!value.is_integer()) raise("* wants int");
            return static_cast<int64_t>(std::clamp<BigInt>(value.as_big(), INT32_MIN, INT32_MAX));
        }
        int64_t value = 0;
        for (; peek() >= '0' && peek() <= '9'; ++at_)
            value = std::min<int64_t>(value * 10 + peek() - '0', INT32_MAX);
        return value;
    }

    FieldSpec flags_and_sizes() {
        FieldSpec spec;
        spec.align = '>';
        bool zero = false, left = false;
        for (;; ++at_) {
            const char c = peek();
            if (c == '-')
                left = true;
            else if (c == '0')
                zero = true;
            else if (c == '+')
                spec.sign = '+';
            else if (c == ' ')
                spec.sign = spec.sign == '+' ? '+' : ' ';
            else if (c == '#')
                spec.alternate = true;
            else
                break;
        }
        spec.width = number_or_star();
        if (spec.width < 0) {
            left = true;
            spec.width = -spec.width;
        }
        if (peek() == '.') {
            ++at_;
            spec.precision = std::max<int64_t>(0, number_or_star());
        }
        while (peek() == 'l' || peek() == 'h' || peek() == 'L') ++at_;
        if (left)
            spec.align = '<';
        else if (zero) {
            spec.align = '=';
            spec.fill = U"0";
        }
        return spec;
    }

    void conversion() {
        keyed_ = false;
        if (peek() == '(') key();
        FieldSpec spec = flags_and_sizes();
        const char type = peek();
        size_t end = at_;
        const char32_t shown = base::next_code_point(text_, end);
        at_ = end;
        switch (type) {
            case '%':
                return out_.append("%");
            case 's':
                return text_field(to_text(heap_.budget(), next_value()), spec);
            case 'r':
            case 'a':
                return text_field(repr(heap_.budget(), next_value()), spec);
            case 'c':
                return character(next_value(), spec);
            case 'd':
            case 'i':
            case 'u':
                return integer(next_value(), 0, spec);
            case 'o':
            case 'x':
            case 'X':
                return integer(next_value(), type, spec);
            case 'e':
            case 'E':
            case 'f':
            case 'F':
            case 'g':
            case 'G':
                return real(next_value(), type, spec);
            default:
                raise("unsupported format character '{}' (0x{:x}) at index {}",
                      to_utf8(std::u32string(1, shown)), static_cast<uint32_t>(shown),
                      count_code_points(text_.substr(0, at_)) - 1);
        }
    }

    void text_field(const Str& text, FieldSpec spec) {
        if (spec.align == '=') {
            spec.align = '>';
            spec.fill = U" ";
        }
        append_padded(out_, heap_.budget(), text, spec);
    }

    void character(const Value& value, const FieldSpec& spec) {
        if (value.is_string() && value.as_str().length() == 1) return text_field(value.as_str(), spec);
        if (!value.is_integer()) raise("%c requires int or char");
        if (value.as_big() < 0 || value.as_big() > 0x10ffff) raise("%c arg not in range(0x110000)");
        const std::u32string one(1, static_cast<char32_t>(value.as_int()));
        text_field(Str::make(heap_.budget(), to_utf8(one)), spec);
    }

    void integer(const Value& value, char type, FieldSpec spec) {
        require_defined(value);
        BigInt number = 0;
        if (value.is_integer()) {
            number = value.as_big();
        } else if (value.is(Kind::kFloat) && type == 0) {
            const auto whole = truncate_float(value.as_float());
            if (!whole) raise("cannot convert float {} to integer", float_text(value.as_float()));
            number = *whole;
        } else {
            raise("%{} format: {} is required, not {}", type ? type : 'd',
                  type ? "an integer" : "a real number", type_name(value));
        }
        spec.type = type;
        spec.precision = -1;
        append_integer(out_, number, spec);
    }

    void real(const Value& value, char type, FieldSpec spec) {
        require_defined(value);
        std::optional<double> number;
        if (value.is_number()) number = float_of(value);
        if (!number) raise("must be real number, not {}", type_name(value));
        spec.type = type;
        append_float(out_, *number, spec);
    }

    Heap& heap_;
    TextBuilder out_;
    const Str pattern_;
    const std::string_view text_;
    const Value& values_;
    size_t at_ = 0;
    size_t next_ = 0;  // arguments used
    bool keyed_ = false;
    Value keyed_value_;
};

}  // namespace

Value format_percent(Heap& heap, const Value& pattern, const Value& value) {
    return Value::string(PercentFormatter(heap, pattern, value).run());
}

}  // namespace airframe::jinja
