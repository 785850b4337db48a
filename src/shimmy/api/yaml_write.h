// JSON values as YAML text: https://yaml.org/spec/1.2.2/, block style, two spaces a level.
#pragma once

#include <boost/json.hpp>

#include <string>

namespace shimmy {

// Every string reads back as the same string: what a YAML reader could take for something else is quoted, as
// in JSON. REQUIRES: numbers are finite.
std::string to_yaml(const boost::json::value& value);

}  // namespace shimmy
