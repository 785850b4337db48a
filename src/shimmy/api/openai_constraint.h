// What a request says its answer must be: response_format, and the names that other servers use. Pure.
#pragma once

#include <optional>

#include "base/result.h"
#include "shimmy/api/json_read.h"
#include "shimmy/service/generation.h"

namespace shimmy {

// Nothing: the text is free. Errors: kInvalidArgument with the JSON path; two of them at once are one.
base::Result<std::optional<Constraint>> parse_constraint(const Fields& fields);

}  // namespace shimmy
