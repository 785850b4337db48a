// The arguments of one call as a rule of a grammar: JSON, parameters between marks, or keywords of Python.
#pragma once

#include <boost/json.hpp>

#include <functional>
#include <string>
#include <string_view>

#include "airframe/text/grammar_builder.h"
#include "base/result.h"
#include "shimmy/service/chat_format.h"

namespace shimmy {

// An object with properties, each with a schema of its own: what formats other than JSON can write.
// `schema` null: any arguments.
bool has_plain_parameters(const boost::json::value* schema, ArgumentSyntax syntax);

// `schema` null: an object of any kind, or parameters of any names. REQUIRES: JSON, or
// has_plain_parameters(). Errors: those of compile_json_schema.
base::Result<airframe::NodeKey> add_arguments(airframe::GrammarBuilder& builder, const CallWriting& writing,
                                              const boost::json::value* schema,
                                              const std::function<std::string(std::string_view)>& spell);

}  // namespace shimmy
