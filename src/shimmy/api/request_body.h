// The body of a request as JSON, and with --strict the check that it says nothing that this server does not
// know.
#pragma once

#include <boost/json.hpp>

#include <map>
#include <type_traits>

#include "base/result.h"
#include "shimmy/api/parameters.h"

namespace shimmy {

struct ApiContext;
struct ApiRequest;

// The names that each kind of body may have, at every depth, as the description of the API has them.
// Immutable; any thread.
class KnownNames {
  public:
    KnownNames();  // of all endpoints

    // Errors: kInvalidArgument, detail "unknown_parameter", with the path of the first unknown name and the
    // known one that is closest to it. A name whose value is null counts as absent.
    base::Result<void> check(const boost::json::object& body, const RequestBody& kind) const;

  private:
    boost::json::object components_;
    std::map<const RequestBody*, boost::json::value> schemas_;  // objects
};

// Without a model it gets the default one's name where `model_is_optional`. Errors: those of
// parse_json_object().
base::Result<boost::json::object> parse_body(ApiContext& context, const ApiRequest& request,
                                             bool model_is_optional);
// Errors: those of KnownNames, when the server is strict.
base::Result<void> check_names(const ApiContext& context, const ApiRequest& request,
                               const boost::json::object& body);

// The body as `parse`, a function of its object, makes a Result of it. Errors: those of parse_body(), of
// `parse`, and then, as they say less, of check_names().
template <class Parse>
auto read_body(ApiContext& context, const ApiRequest& request, bool model_is_optional, Parse parse)
    -> std::invoke_result_t<Parse, const boost::json::object&> {
    TRY(const boost::json::object body, parse_body(context, request, model_is_optional));
    TRY(auto parsed, parse(body));
    TRY_VOID(check_names(context, request, body));
    return parsed;
}

}  // namespace shimmy
