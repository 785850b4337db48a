// The description of the API, made from the tables that the server works by: routes, parameters, errors.
// Format: https://spec.openapis.org/oas/v3.1.0
#pragma once

#include <boost/json.hpp>

#include <string>
#include <string_view>

#include "shimmy/api/parameters.h"

namespace shimmy {

// version: of the program.
boost::json::object openapi_document(std::string_view version);
boost::json::object openapi_schemas();  // those of its components, by name
boost::json::object openapi_schema_of(const RequestBody& body);
std::string openapi_yaml(std::string_view version);

}  // namespace shimmy
