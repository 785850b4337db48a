// Names of parameterised test cases that a person can read and a filter can hold. For test files only.
#pragma once

#include <cctype>
#include <string>
#include <string_view>

namespace base {

// "12_max_tokens_0": the case's place, which makes it unique, and what of a text can stand in a name.
inline std::string test_name(size_t index, std::string_view text) {
    constexpr size_t kCharactersMax = 48;
    std::string name = std::to_string(index) + "_";
    for (const char c : text) {
        if (name.size() >= kCharactersMax) break;
        if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
            name += c;
        } else if (!name.ends_with('_')) {
            name += '_';
        }
    }
    if (name.ends_with('_')) name.pop_back();
    return name;
}

}  // namespace base
