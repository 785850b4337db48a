#include "shimmy/app/guide.h"

extern "C" const std::byte shimmy_guide_begin[];  // models/guide/shimmy-guide.gguf: cmake/embed.cmake
extern "C" const std::byte shimmy_guide_end[];

namespace shimmy {

ModelEntry guide_entry() {
    ModelEntry entry{.id = std::string(kGuideId), .source = "built-in"};
    entry.embedded = std::span(shimmy_guide_begin, shimmy_guide_end);
    entry.bytes = entry.embedded.size();
    return entry;
}

}  // namespace shimmy
