// What the description of the API says of an endpoint, beyond its method and path: a part of its row.
#pragma once

#include <string_view>

#include "shimmy/api/parameters.h"

namespace shimmy {

struct Operation {
    std::string_view id, tag, summary;
    // A schema of openapi_components.json, or a media type where the answer is a text of that type.
    std::string_view answer;
    const RequestBody* body = nullptr;  // null: none is read
    bool uses_model = false;            // it may be unknown, loading, busy, too small
    std::string_view stream = {};       // the schema of a server-sent event's data; empty: it cannot stream
};

}  // namespace shimmy
