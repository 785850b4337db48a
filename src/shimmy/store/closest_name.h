// "Did you mean …": the known names nearest to one that is not known.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shimmy {

// At most `count` of `known`, best first: those that contain the wanted name or differ by a few letters, in
// any case.
std::vector<std::string> closest_names(std::string_view wanted, std::span<const std::string> known,
                                       size_t count);

}  // namespace shimmy
