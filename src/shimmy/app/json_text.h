// JSON for people and scripts alike: indented, one member per line, on standard output.
#pragma once

#include <boost/json/value.hpp>

#include <string>

namespace shimmy {

std::string pretty_json(const boost::json::value& value);
void print_json(const boost::json::value& value);

}  // namespace shimmy
