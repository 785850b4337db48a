// A file that the build put into the program: cmake/embed.cmake. Lives as long as the program.
#pragma once

#include <string_view>

namespace base {

struct EmbeddedFile {
    const char* name;  // without its folder
    const char* begin;
    const char* end;

    std::string_view bytes() const { return {begin, end}; }
};

}  // namespace base
