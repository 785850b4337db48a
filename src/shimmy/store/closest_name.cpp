#include "shimmy/store/closest_name.h"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <utility>

namespace shimmy {
namespace {

constexpr size_t kNameBytesMax = 200;  // longer names are not compared: the cost is quadratic

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
    return out;
}

// Levenshtein's distance: inserted, deleted and changed letters.
size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 0; i < a.size(); ++i) {
        size_t diagonal = std::exchange(row[0], i + 1);
        for (size_t j = 0; j < b.size(); ++j) {
            const size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
        }
    }
    return row.back();
}

}  // namespace

std::vector<std::string> closest_names(std::string_view wanted, std::span<const std::string> known,
                                       size_t count) {
    if (wanted.empty() || wanted.size() > kNameBytesMax) return {};
    const std::string sought = lower(wanted);
    std::vector<std::pair<size_t, std::string>> near;  // (distance, name)
    for (const std::string& name : known) {
        if (name.size() > kNameBytesMax) continue;
        const std::string candidate = lower(name);
        const size_t distance = candidate.contains(sought) ? 0 : edit_distance(sought, candidate);
        if (distance <= 1 + sought.size() / 4) near.emplace_back(distance, name);
    }
    std::ranges::sort(near);
    if (near.size() > count) near.resize(count);
    std::vector<std::string> names;
    for (auto& [distance, name] : near) names.push_back(std::move(name));
    return names;
}

}  // namespace shimmy
