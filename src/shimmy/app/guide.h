// The built-in model: a small one that explains Shimmy, embedded in the program, so that a machine without
// any model and without a network has a server that talks.
#pragma once

#include <string_view>

#include "shimmy/store/catalog.h"

namespace shimmy {

constexpr std::string_view kGuideId = "shimmy-guide";

ModelEntry guide_entry();

}  // namespace shimmy
