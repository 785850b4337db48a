// HttpApp: what the transport asks of the application above it. Called from all I/O threads.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "shimmy/api/http_message.h"

namespace shimmy {

// What the header alone decides.
struct Admission {
    size_t body_bytes_max = 0;
    std::string response_headers;  // whole lines, for any response to this request (CORS)
};

using Deliver = std::move_only_function<void(std::unique_ptr<Reply>)>;

class HttpApp {
  public:
    virtual ~HttpApp() = default;
    // Judges a request by its header, before its body is read. The request's id is set.
    virtual base::Result<Admission> admit(const HttpRequest& request) = 0;
    // Answers: `deliver` is called once, from any thread; dropping it uncalled closes the connection.
    virtual void handle(HttpRequest request, Deliver deliver) = 0;
    // The response for a request that came to nothing; `request` is null when it could not even be read.
    virtual Response refuse(const base::Error& error, const HttpRequest* request) = 0;
};

}  // namespace shimmy
