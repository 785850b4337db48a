#include "shimmy/api/yaml_write.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "shimmy/api/json_write.h"

namespace shimmy {

namespace json = boost::json;

namespace {

constexpr size_t kIndent = 2;
// Words that some reader takes for a boolean or for nothing, in lower case.
constexpr std::string_view kSpecialWords[] = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"};

bool is_special(std::string_view text) {
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
    return std::ranges::count(kSpecialWords, lower) > 0;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// A word, or words with single spaces and harmless marks between them.
bool is_plain(std::string_view text) {
    constexpr std::string_view kHarmless = " _-./,;()+='";
    const auto is_safe = [&](char c) {
        return is_letter(c) || (c >= '0' && c <= '9') || kHarmless.find(c) != std::string_view::npos;
    };
    return !text.empty() && is_letter(text.front()) && !text.ends_with(' ') &&
           std::ranges::all_of(text, is_safe) && !is_special(text);
}

class YamlWriter {
  public:
    explicit YamlWriter(std::string& out) : out_(out) {}

    // What follows "key:" or "-"; ends its line.
    void write(const json::value& value, size_t column) {
        if (value.is_object() && !value.get_object().empty()) {
            write_object(value.get_object(), column);
        } else if (value.is_array() && !value.get_array().empty()) {
            write_array(value.get_array(), column);
        } else {
            write_scalar(value);
            out_ += '\n';
        }
    }

    // The members of an object. The first one may stand behind a "- " that has been written.
    void write_members(const json::object& object, size_t column, bool first_is_placed) {
        for (const auto& [key, value] : object) {
            if (!std::exchange(first_is_placed, false)) out_.append(column, ' ');
            write_text(std::string_view(key.data(), key.size()));
            out_ += ':';
            const bool is_block = (value.is_object() && !value.get_object().empty()) ||
                                  (value.is_array() && !value.get_array().empty());
            out_ += is_block ? '\n' : ' ';
            write(value, column + kIndent);
        }
    }

  private:
    void write_object(const json::object& object, size_t column) { write_members(object, column, false); }

    void write_array(const json::array& array, size_t column) {
        for (const json::value& item : array) {
            out_.append(column, ' ');
            out_ += "- ";
            if (item.is_object() && !item.get_object().empty()) {
                write_members(item.get_object(), column + kIndent, true);
            } else if (item.is_array() && !item.get_array().empty()) {
                out_ += json::serialize(item) + "\n";  // JSON is YAML's flow style
            } else {
                write_scalar(item);
                out_ += '\n';
            }
        }
    }

    void write_text(std::string_view text) {
        if (is_plain(text)) {
            out_ += text;
        } else {
            append_json_string(out_, text);
        }
    }

    void write_scalar(const json::value& value) {
        if (value.is_string()) {
            write_text(std::string_view(value.get_string().data(), value.get_string().size()));
        } else if (value.is_double()) {
            JsonWriter(out_).value(value.get_double());
        } else {
            out_ += json::serialize(value);
        }
    }

    std::string& out_;
};

}  // namespace

std::string to_yaml(const json::value& value) {
    std::string out;
    YamlWriter(out).write(value, 0);
    return out;
}

}  // namespace shimmy
