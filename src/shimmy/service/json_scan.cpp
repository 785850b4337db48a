#include "shimmy/service/json_scan.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include <iterator>

namespace shimmy {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_open(char c) { return c == '{' || c == '['; }
bool is_close(char c) { return c == '}' || c == ']'; }
bool ends_scalar(char c) { return is_space(c) || c == ',' || is_close(c); }

void append_escaped_control(std::string& out, char c) {
    if (c == '\n') {
        out += "\\n";
    } else if (c == '\t') {
        out += "\\t";
    } else if (c == '\r') {
        out += "\\r";
    } else {
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    }
}

}  // namespace

size_t skip_space(std::string_view text, size_t at) {
    while (at < text.size() && is_space(text[at])) ++at;
    return at;
}

ScanResult scan_string(std::string_view text, size_t at) {
    for (size_t i = at + 1; i < text.size(); ++i) {
        if (text[i] == '\\') {
            ++i;
        } else if (text[i] == '"') {
            return {Scan::kOk, i + 1};
        }
    }
    return {Scan::kMore, at};
}

ScanResult scan_value(std::string_view text, size_t at, bool is_end) {
    if (at >= text.size()) return {Scan::kMore, at};
    if (text[at] == '"') return scan_string(text, at);
    if (is_open(text[at])) {
        ValueStream stream;
        std::string ignored;
        const size_t used = stream.take(text.substr(at), ignored);
        return {stream.done() ? Scan::kOk : Scan::kMore, at + used};
    }
    if (ends_scalar(text[at])) return {Scan::kBad, at};
    size_t end = at;
    while (end < text.size() && !ends_scalar(text[end])) ++end;
    return {end < text.size() || is_end ? Scan::kOk : Scan::kMore, end};
}

std::optional<std::string> unquote(std::string_view quoted) {
    boost::system::error_code error;
    const boost::json::value value = boost::json::parse(quoted, error);
    if (error || !value.is_string()) return std::nullopt;
    return std::string(value.get_string());
}

std::string quoted_json(std::string_view text) {
    return boost::json::serialize(boost::json::string_view(text.data(), text.size()));
}

size_t ValueStream::take(std::string_view text, std::string& out) {
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string_) {
            if (static_cast<unsigned char>(c) < 0x20) {
                append_escaped_control(out, c);
                escaped_ = false;
                continue;
            }
            in_string_ = escaped_ || c != '"';
            escaped_ = !escaped_ && c == '\\';
        } else if (c == '"') {
            in_string_ = true;
        } else if (is_open(c)) {
            ++depth_;
        } else if (is_close(c)) {
            --depth_;
        }
        out += c;
        if (depth_ <= 0 && !in_string_) {
            done_ = true;
            return i + 1;
        }
    }
    return text.size();
}

}  // namespace shimmy
