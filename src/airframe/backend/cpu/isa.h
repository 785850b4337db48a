// The instruction sets that this program has kernels for, and the choice among them. Stateless, any thread.
#pragma once

#include <span>
#include <string_view>

#include "airframe/backend/cpu/kernel_table.h"
#include "base/result.h"

namespace airframe::cpu {

struct Isa {
    std::string_view name;   // as options give it
    std::string_view title;  // for people
    const Kernels* kernels;
    bool (*present)();        // on this processor, with the operating system's support
    bool on_request = false;  // only when named: faster, but its rounding is not within every bound yet
};

// Best first.
std::span<const Isa> all_isas();

// An empty name: the best that is present and needs no request. Errors: kInvalidArgument (unknown name),
// kUnsupported (not present), both with the list of those present.
base::Result<const Isa*> choose_isa(std::string_view name);

}  // namespace airframe::cpu
