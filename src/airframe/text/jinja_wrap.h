// Breaking a line of text into lines of limited width, by the rules of Python's textwrap.
#pragma once

#include <vector>

#include "airframe/text/jinja_machine.h"

namespace airframe::jinja {

struct WrapOptions {
    int64_t width = 79;  // in characters
    bool break_long_words = true;
    bool break_on_hyphens = true;
};

std::vector<Str> wrap_line(Machine& machine, const Str& line, const WrapOptions& options);

}  // namespace airframe::jinja
