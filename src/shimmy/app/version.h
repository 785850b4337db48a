// Which program this is: set by the build.
#pragma once

#include <string_view>

namespace shimmy {

extern const std::string_view kVersion;  // "0.1.0"
extern const std::string_view
    kCommit;  // abbreviated, "-dirty" when sources differ from it; "unknown" outside of git

}  // namespace shimmy
