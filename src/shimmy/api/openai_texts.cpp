#include "shimmy/api/openai_texts.h"

#include <limits>
#include <utility>

namespace shimmy {

namespace json = boost::json;
using airframe::TokenId;

namespace {

base::Result<TextOrIds> parse_ids(const json::array& list, const std::string& path) {
    std::vector<TokenId> ids;
    ids.reserve(list.size());
    for (size_t i = 0; i < list.size(); ++i) {
        const bool fits = list[i].is_int64() && list[i].get_int64() >= 0 &&
                          list[i].get_int64() <= std::numeric_limits<TokenId>::max();
        if (!fits) return std::unexpected(bad_type(fmt::format("{}[{}]", path, i), "a token id", list[i]));
        ids.push_back(static_cast<TokenId>(list[i].get_int64()));
    }
    return ids;
}

}  // namespace

base::Result<std::vector<TextOrIds>> parse_texts(const Fields& fields, std::string_view key,
                                                 std::string_view advice) {
    constexpr std::string_view kExpected =
        "a string, an array of strings, token ids, or an array of token id arrays";
    std::vector<TextOrIds> texts;
    const json::value* value = fields.find(key);
    const std::string path = fields.path_of(key);
    if (value == nullptr) return std::unexpected(missing(path, advice));
    if (value->is_string()) {
        texts.emplace_back(std::string(value->get_string()));
        return texts;
    }
    if (!value->is_array()) return std::unexpected(bad_type(path, kExpected, *value));
    const json::array& list = value->get_array();
    if (list.empty()) return std::unexpected(bad_value(path, fmt::format("is empty; {}", advice)));
    if (list.front().is_number()) {
        TRY(texts.emplace_back(), parse_ids(list, path));
        return texts;
    }
    for (size_t i = 0; i < list.size(); ++i) {
        const std::string item = fmt::format("{}[{}]", path, i);
        if (list[i].is_string()) {
            texts.emplace_back(std::string(list[i].get_string()));
        } else if (list[i].is_array()) {
            TRY(texts.emplace_back(), parse_ids(list[i].get_array(), item));
        } else {
            return std::unexpected(bad_type(item, "a string or token ids", list[i]));
        }
    }
    return texts;
}

}  // namespace shimmy
