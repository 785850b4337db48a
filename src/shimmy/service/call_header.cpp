#include "shimmy/service/call_header.h"

#include <algorithm>
#include <iterator>
#include <optional>

namespace shimmy {

namespace {

using Kind = CallHeader::Kind;

template <size_t N>
bool is_one_of(const std::string_view (&keys)[N], std::string_view key) {
    return std::ranges::find(keys, key) != std::end(keys);
}

class HeaderReader {
  public:
    explicit HeaderReader(std::string_view text) : text_(text) {}

    CallHeader read() {
        at_ = 1;
        header_.depth = 1;
        while (!over_) member();
        return std::move(header_);
    }

  private:
    void end(Kind kind) {
        header_.kind = kind;
        header_.at = at_;
        over_ = true;
    }

    // False when the text ends here.
    bool to_next() {
        at_ = skip_space(text_, at_);
        if (at_ < text_.size()) return true;
        end(Kind::kMore);
        return false;
    }

    void member() {
        if (!to_next()) return;
        if (text_[at_] == '}') return close();
        if (text_[at_] == ',') {
            ++at_;
            if (!to_next()) return;
        }
        if (text_[at_] != '"') return end(Kind::kNoCall);
        const ScanResult key = scan_string(text_, at_);
        if (key.state != Scan::kOk) return end(Kind::kMore);
        const std::string_view name = text_.substr(at_ + 1, key.end - at_ - 2);
        at_ = key.end;
        if (!to_next()) return;
        if (text_[at_] != ':') return end(Kind::kNoCall);
        ++at_;
        if (to_next()) value_of(name);
    }

    // The first name counts.
    void value_of(std::string_view key) {
        const char first = text_[at_];
        const bool is_nested = first == '{' || first == '[';
        if (is_one_of(kCallArgumentKeys, key)) return arguments();
        if (!header_.name.empty()) return skip();
        if (is_one_of(kCallWrapperKeys, key) && first == '{') {
            ++at_;
            ++header_.depth;
        } else if (is_one_of(kCallListKeys, key) && first == '[') {
            ++at_;
            end(Kind::kList);
        } else if (is_one_of(kCallNameKeys, key) || is_one_of(kCallWrapperKeys, key)) {
            name();
        } else if (is_one_of(kOtherCallKeys, key) && !is_nested) {
            skip();
        } else {
            end(Kind::kNoCall);
        }
    }

    void name() {
        const ScanResult found = scan_value(text_, at_, false);
        if (found.state == Scan::kMore) return end(Kind::kMore);
        const auto name = unquote(text_.substr(at_, found.end - at_));
        if (!name || name->empty()) return end(Kind::kNoCall);
        header_.name = *name;
        at_ = found.end;
    }

    void arguments() {
        if (!header_.name.empty()) return end(Kind::kOpen);
        const size_t begin = at_;
        skip();
        if (!over_) arguments_ = plain_arguments(text_.substr(begin, at_ - begin));
    }

    void skip() {
        const ScanResult found = scan_value(text_, at_, false);
        if (found.state != Scan::kOk) return end(found.state == Scan::kMore ? Kind::kMore : Kind::kNoCall);
        at_ = found.end;
    }

    void close() {
        ++at_;
        if (--header_.depth > 0) return;
        header_.arguments = arguments_.value_or("{}");
        end(header_.name.empty() ? Kind::kNoCall : Kind::kWhole);
    }

    const std::string_view text_;
    size_t at_ = 0;
    bool over_ = false;
    CallHeader header_;
    std::optional<std::string> arguments_;
};

}  // namespace

CallHeader read_call_header(std::string_view text) { return HeaderReader(text).read(); }

std::string plain_arguments(std::string_view value) {
    if (value.starts_with('"')) {
        const auto text = unquote(value);
        return text && !text->empty() ? *text : "{}";
    }
    if (value == "null" || value.empty()) return "{}";
    std::string out;
    if (value.starts_with('{') || value.starts_with('[')) {
        ValueStream().take(value, out);
        return out;
    }
    return std::string(value);
}

}  // namespace shimmy
