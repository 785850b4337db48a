// JSON to values and back, written as Python's json.dumps writes it.
#pragma once

#include <boost/json.hpp>

#include <optional>
#include <span>
#include <string>

#include "airframe/text/jinja_python.h"

namespace airframe::jinja {

// `untrusted`: every string inside, keys too, comes from outside, but for the `trusted_roles` of members
// "role".
Value from_json(Heap& heap, const boost::json::value& json, bool untrusted,
                std::span<const std::string> trusted_roles);

struct JsonStyle {
    bool ensure_ascii = false;
    bool sort_keys = false;
    std::optional<Str> indent;  // of one level; without it all stands on one line
    std::optional<Str> item_separator, key_separator;
};

// Strings keep their provenance; quotes and brackets are ours. Errors: "Object of type … is not JSON
// serializable".
Str to_json(Heap& heap, const Value& value, const JsonStyle& style);

}  // namespace airframe::jinja
