#include "shimmy/api/json_read.h"

#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>
#include <cmath>
#include <exception>
#include <vector>

#include "base/log.h"
#include "base/utf8.h"

namespace shimmy {

namespace json = boost::json;
using base::Error;
using base::ErrorCode;

namespace {

constexpr size_t kDepthMax = 256;
constexpr size_t kValuesMax = 4'000'000;  // the tree takes tens of bytes for each, however short its text
constexpr size_t kShownCharsMax = 60;     // of a client's value in a message

// Builds the tree, and remembers the keys of the objects that are open to find one that comes twice.
struct TreeHandler {
    static constexpr size_t max_object_size = json::object::max_size();
    static constexpr size_t max_array_size = json::array::max_size();
    static constexpr size_t max_key_size = json::string::max_size();
    static constexpr size_t max_string_size = json::string::max_size();

    json::value_stack stack;
    std::vector<std::string> keys;      // of all open objects
    std::vector<size_t> object_starts;  // index into keys
    std::string key_part;
    std::string duplicate_key;
    size_t values = 0;
    bool has_duplicate = false, number_too_large = false, too_many_values = false;

    static bool stop(json::error_code& error) {
        error = json::error::syntax;
        return false;
    }

    bool count_value(json::error_code& error) {
        too_many_values = ++values > kValuesMax;
        return !too_many_values || stop(error);
    }

    bool on_document_begin(json::error_code&) { return true; }
    bool on_document_end(json::error_code&) { return true; }
    bool on_object_begin(json::error_code&) {
        object_starts.push_back(keys.size());
        return true;
    }
    bool on_object_end(size_t n, json::error_code& error) {
        const auto first = keys.begin() + static_cast<std::ptrdiff_t>(object_starts.back());
        std::sort(first, keys.end());
        const auto twice = std::adjacent_find(first, keys.end());
        if (twice != keys.end()) {
            has_duplicate = true;
            duplicate_key = *twice;
            return stop(error);
        }
        keys.erase(first, keys.end());
        object_starts.pop_back();
        stack.push_object(n);
        return count_value(error);
    }
    bool on_array_begin(json::error_code&) { return true; }
    bool on_array_end(size_t n, json::error_code& error) {
        stack.push_array(n);
        return count_value(error);
    }
    bool on_key_part(json::string_view part, size_t, json::error_code&) {
        key_part += part;
        stack.push_chars(part);
        return true;
    }
    bool on_key(json::string_view rest, size_t, json::error_code&) {
        key_part += rest;
        keys.push_back(std::exchange(key_part, {}));
        stack.push_key(rest);
        return true;
    }
    bool on_string_part(json::string_view part, size_t, json::error_code&) {
        stack.push_chars(part);
        return true;
    }
    bool on_string(json::string_view rest, size_t, json::error_code& error) {
        stack.push_string(rest);
        return count_value(error);
    }
    bool on_number_part(json::string_view, json::error_code&) { return true; }
    bool on_int64(int64_t number, json::string_view, json::error_code& error) {
        stack.push_int64(number);
        return count_value(error);
    }
    bool on_uint64(uint64_t number, json::string_view, json::error_code& error) {
        stack.push_uint64(number);
        return count_value(error);
    }
    bool on_double(double number, json::string_view, json::error_code& error) {
        if (!std::isfinite(number)) {
            number_too_large = true;
            return stop(error);
        }
        stack.push_double(number);
        return count_value(error);
    }
    bool on_bool(bool flag, json::error_code& error) {
        stack.push_bool(flag);
        return count_value(error);
    }
    bool on_null(json::error_code& error) {
        stack.push_null();
        return count_value(error);
    }
    bool on_comment_part(json::string_view, json::error_code&) { return true; }
    bool on_comment(json::string_view, json::error_code&) { return true; }
};

std::string place(std::string_view text, size_t offset) {
    const std::string_view before = text.substr(0, offset);
    const size_t line = 1 + static_cast<size_t>(std::ranges::count(before, '\n'));
    const size_t line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
    return fmt::format("line {}, column {}", line, offset - line_start + 1);
}

Error invalid_json(std::string message) {
    return {ErrorCode::kInvalidArgument,
            "The request body is not valid JSON: " + std::move(message),
            {},
            "invalid_json"};
}

// Says in our words what stopped the parser at `offset`.
Error explain(std::string_view text, size_t offset, json::error_code code, const TreeHandler& handler) {
    const std::string where = place(text, std::min(offset, text.size()));
    if (handler.has_duplicate) {
        return invalid_json(fmt::format("the key \"{}\" comes twice in the object that ends at {}.",
                                        base::printable(handler.duplicate_key, kShownCharsMax), where));
    }
    if (handler.too_many_values) {
        return invalid_json(fmt::format("it has more than {} values.", kValuesMax));
    }
    if (handler.number_too_large || code == json::error::exponent_overflow) {
        return invalid_json(fmt::format("a number at {} is too large.", where));
    }
    if (code == json::error::too_deep) {
        return invalid_json(fmt::format("at {} it is nested deeper than {} levels.", where, kDepthMax));
    }
    if (code == json::error::incomplete) {
        return invalid_json(fmt::format("it ends at {} in the middle of a value.", where));
    }
    if (code == json::error::illegal_leading_surrogate || code == json::error::illegal_trailing_surrogate) {
        return invalid_json(fmt::format("an escape near {} is half of a surrogate pair.", where));
    }
    if (!base::is_valid_utf8(text)) {
        return invalid_json(fmt::format("it is not UTF-8 (near {}).", where));
    }
    if (offset >= text.size())
        return invalid_json(fmt::format("it ends at {} in the middle of a value.", where));
    if (code == json::error::extra_data) {
        return invalid_json(fmt::format("something follows the end of the value at {}.", where));
    }
    return invalid_json(
        fmt::format("unexpected '{}' at {}.", base::printable(text.substr(offset, 1)), where));
}

base::Result<json::value> parse_json(std::string_view text) {
    if (text.starts_with("\xef\xbb\xbf"))
        return std::unexpected(invalid_json("it begins with a byte order mark."));
    json::parse_options options;
    options.max_depth = kDepthMax;
    try {
        json::basic_parser<TreeHandler> parser(options);
        parser.handler().stack.reset();
        json::error_code error;
        const size_t used = parser.write_some(false, text.data(), text.size(), error);
        if (!error && used < text.size()) error = json::error::extra_data;
        if (error) return std::unexpected(explain(text, used, error, parser.handler()));
        return parser.handler().stack.release();
    } catch (const std::exception& fault) {
        base::log_warn("JSON parser: {}", fault.what());
        return std::unexpected(invalid_json("it is too large to be read."));
    }
}

std::string_view kind_name(const json::value& value) {
    switch (value.kind()) {
        case json::kind::null:
            return "null";
        case json::kind::bool_:
            return "a boolean";
        case json::kind::int64:
        case json::kind::uint64:
            return "an integer";
        case json::kind::double_:
            return "a number";
        case json::kind::string:
            return "a string";
        case json::kind::array:
            return "an array";
        case json::kind::object:
            return "an object";
    }
    return "something else";
}

}  // namespace

base::Result<json::object> parse_json_object(std::string_view text) {
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
        return std::unexpected(invalid_json("the body is empty; send a JSON object."));
    }
    TRY(json::value value, parse_json(text));
    if (!value.is_object()) {
        return std::unexpected(
            Error{ErrorCode::kInvalidArgument,
                  fmt::format("The request body must be a JSON object, not {}.", kind_name(value)),
                  {},
                  "invalid_type"});
    }
    return std::move(value.as_object());
}

Error bad_type(std::string path, std::string_view expected, const json::value& found) {
    return {ErrorCode::kInvalidArgument,
            fmt::format("'{}' must be {}, not {}.", path, expected, kind_name(found)), path, "invalid_type"};
}

Error bad_value(std::string path, std::string message) {
    return {ErrorCode::kInvalidArgument, fmt::format("'{}' {}", path, message), path, "invalid_value"};
}

Error missing(std::string path, std::string_view what) {
    return {ErrorCode::kInvalidArgument, fmt::format("'{}' is missing: {}", path, what), path,
            "missing_required_parameter"};
}

const json::value* Fields::find(std::string_view key) const {
    const json::value* value = object_.if_contains(json::string_view(key.data(), key.size()));
    return value == nullptr || value->is_null() ? nullptr : value;
}

std::string Fields::path_of(std::string_view key) const {
    return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

base::Result<std::optional<bool>> Fields::boolean(std::string_view key) const {
    const json::value* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_bool()) return std::unexpected(bad_type(path_of(key), "true or false", *value));
    return value->get_bool();
}

base::Result<std::optional<int64_t>> Fields::integer(std::string_view key, int64_t low, int64_t high) const {
    const json::value* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number()) return std::unexpected(bad_type(path_of(key), "an integer", *value));
    // 3.0 is an integer to JavaScript; 2^53 and above are compared as they stand.
    if (value->is_double()) {
        const double number = value->get_double();
        if (number != std::trunc(number))
            return std::unexpected(bad_type(path_of(key), "an integer", *value));
        if (number >= static_cast<double>(low) && number <= static_cast<double>(high) &&
            std::abs(number) < 0x1p53) {
            return static_cast<int64_t>(number);
        }
    } else if (value->is_int64() && value->get_int64() >= low && value->get_int64() <= high) {
        return value->get_int64();
    }
    return std::unexpected(bad_value(
        path_of(key), fmt::format("must be between {} and {}, not {}.", low, high, json::serialize(*value))));
}

base::Result<std::optional<double>> Fields::number(std::string_view key, double low, double high) const {
    const json::value* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number()) return std::unexpected(bad_type(path_of(key), "a number", *value));
    const double number = value->to_number<double>();
    if (!(number >= low && number <= high)) {
        return std::unexpected(
            bad_value(path_of(key), fmt::format("must be between {} and {}, not {}.", low, high, number)));
    }
    return number;
}

base::Result<std::optional<std::string_view>> Fields::string(std::string_view key) const {
    const json::value* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string()) return std::unexpected(bad_type(path_of(key), "a string", *value));
    return std::string_view(value->get_string().data(), value->get_string().size());
}

base::Result<const json::array*> Fields::array(std::string_view key) const {
    const json::value* value = find(key);
    if (value == nullptr) return nullptr;
    if (!value->is_array()) return std::unexpected(bad_type(path_of(key), "an array", *value));
    return &value->get_array();
}

base::Result<const json::object*> Fields::object(std::string_view key) const {
    const json::value* value = find(key);
    if (value == nullptr) return nullptr;
    if (!value->is_object()) return std::unexpected(bad_type(path_of(key), "an object", *value));
    return &value->get_object();
}

}  // namespace shimmy
