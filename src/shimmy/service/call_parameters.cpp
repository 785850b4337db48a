// CallParser, its part for calls whose parameters stand between marks of their own.
#include <algorithm>

#include "shimmy/service/call_parser.h"

namespace shimmy {

namespace json = boost::json;
using std::string_view;

namespace {

constexpr size_t kNameBytesMax = 256;

string_view trimmed(string_view text) {
    const size_t first = text.find_first_not_of(" \t\r\n\"'");
    if (first == string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n\"'") + 1 - first);
}

string_view trimmed_space(string_view text) {
    text.remove_prefix(skip_space(text, 0));
    return text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
}

std::string escaped(string_view text) {
    std::string out = quoted_json(text);
    return out.substr(1, out.size() - 2);
}

// How much of `text` cannot be the beginning of `mark` or of a line end before it.
size_t safe_length(string_view text, string_view mark) {
    const size_t from = text.size() - std::min(text.size(), mark.size());
    size_t safe = text.size();
    for (size_t at = from; at < text.size(); ++at) {
        if (!may_become(text.substr(at), mark)) continue;
        safe = at;
        break;
    }
    while (safe > 0 && text[safe - 1] == '\n') --safe;
    return safe;
}

}  // namespace

CallParser::Step CallParser::parameter_name(std::string& buffer, bool) {
    const size_t end = buffer.find_first_of(trigger_.marks->name_end, offset_);
    if (end == std::string::npos) {
        return buffer.size() - offset_ > kNameBytesMax ? no_call() : Step::kMore;
    }
    const std::string name(trimmed(string_view(buffer).substr(offset_, end - offset_)));
    if (!take_call(buffer, buffer[end] == '<' ? end : end + 1, name)) return no_call();
    sink_.add_arguments("{");
    state_ = State::kKey;
    return Step::kAgain;
}

bool CallParser::is_text_parameter(string_view name) const {
    const json::object* schema = schema_ == nullptr ? nullptr : schema_->if_object();
    const json::value* properties = schema == nullptr ? nullptr : schema->if_contains("properties");
    const json::object* all = properties == nullptr ? nullptr : properties->if_object();
    const json::value* property =
        all == nullptr ? nullptr : all->if_contains(json::string_view(name.data(), name.size()));
    const json::object* known = property == nullptr ? nullptr : property->if_object();
    const json::value* type = known == nullptr ? nullptr : known->if_contains("type");
    return type != nullptr && type->is_string() && type->get_string() == "string";
}

CallParser::Step CallParser::key(std::string& buffer, bool is_end) {
    const ParameterMarks& marks = *trigger_.marks;
    const size_t at = skip_space(buffer, 0);
    const string_view rest = string_view(buffer).substr(at);
    if (rest.starts_with(marks.key_begin)) {
        const size_t end = buffer.find(marks.key_end, at + marks.key_begin.size());
        if (end == std::string::npos) return Step::kMore;
        size_t behind = end + marks.key_end.size();
        if (!marks.value_begin.empty()) {
            behind = skip_space(buffer, behind);
            const string_view next = string_view(buffer).substr(behind);
            if (may_become(next, marks.value_begin)) return Step::kMore;
            if (!next.starts_with(marks.value_begin)) return no_call();
            behind += marks.value_begin.size();
        }
        key_ = trimmed(
            string_view(buffer).substr(at + marks.key_begin.size(), end - at - marks.key_begin.size()));
        buffer.erase(0, behind);
        sink_.add_arguments((first_parameter_ ? "" : ", ") + quoted_json(key_) + ": ");
        first_parameter_ = false;
        value_begun_ = false;
        text_value_ = is_text_parameter(key_);
        state_ = State::kValue;
        return Step::kAgain;
    }
    if (!is_end && (may_become(rest, marks.key_begin) || may_become(rest, trigger_.end))) return Step::kMore;
    sink_.add_arguments("}");
    buffer.erase(0, rest.starts_with(trigger_.end) ? at + trigger_.end.size() : at);
    return Step::kDone;
}

CallParser::Step CallParser::value(std::string& buffer, bool) {
    const ParameterMarks& marks = *trigger_.marks;
    if (!value_begun_) {
        if (buffer.empty()) return Step::kMore;
        if (marks.value_begin.empty() && buffer[0] == '\n') buffer.erase(0, 1);
        value_begun_ = true;
        if (text_value_) sink_.add_arguments("\"");
    }
    const size_t end = buffer.find(marks.value_end);
    if (end == std::string::npos) {
        const size_t safe = text_value_ ? safe_length(buffer, marks.value_end) : 0;
        if (safe > 0) sink_.add_arguments(escaped(string_view(buffer).substr(0, safe)));
        buffer.erase(0, safe);
        return Step::kMore;
    }
    string_view text = string_view(buffer).substr(0, end);
    if (marks.value_begin.empty() && text.ends_with('\n')) text.remove_suffix(1);
    if (text_value_) {
        sink_.add_arguments(escaped(text) + "\"");
    } else {
        boost::system::error_code error;
        const json::value parsed = json::parse(json::string_view(text.data(), text.size()), error);
        sink_.add_arguments(error ? quoted_json(text) : std::string(trimmed_space(text)));
    }
    buffer.erase(0, end + marks.value_end.size());
    state_ = State::kKey;
    return Step::kAgain;
}

}  // namespace shimmy
