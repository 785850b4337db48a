#include "shimmy/app/guide.h"

#ifdef SHIMMY_GUIDE
extern "C" const std::byte shimmy_guide_begin[];
extern "C" const std::byte shimmy_guide_end[];
#endif

namespace shimmy {

std::optional<ModelEntry> guide_entry() {
#ifdef SHIMMY_GUIDE
    ModelEntry entry{.id = std::string(kGuideId), .source = "built-in"};
    entry.embedded = std::span(shimmy_guide_begin, shimmy_guide_end);
    entry.bytes = entry.embedded.size();
    return entry;
#else
    return std::nullopt;
#endif
}

}  // namespace shimmy
