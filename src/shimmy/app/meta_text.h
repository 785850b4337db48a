// Metadata values of a GGUF file as people and scripts read them: long arrays shortened with their counts,
// strings cut and with control characters made visible. Nothing is copied beyond what is shown.
#pragma once

#include <boost/json/value.hpp>

#include <string>

#include "airframe/gguf/metadata.h"

namespace shimmy {

// "string", "u32", "string[32000]"
std::string type_text(const airframe::MetaValue& value);

// "llama", 2048, ["<unk>", "<s>", … 31,998 more]: at most `chars_max` characters of a string.
std::string value_text(const airframe::MetaValue& value, size_t chars_max);

// A scalar as itself; an array as {"type", "count", "first": [...]}. Strings whole, as valid UTF-8; numbers
// that JSON has no form for as strings ("nan").
boost::json::value value_json(const airframe::MetaValue& value);

}  // namespace shimmy
