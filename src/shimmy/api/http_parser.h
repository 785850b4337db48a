// HttpParser: bytes from a socket to one HttpRequest. Strict: what two servers could read in two ways is
// refused. Boost.Beast's parser stays inside http_parser.cpp. One thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "shimmy/api/http_message.h"

namespace shimmy {

class HttpParser {
  public:
    enum class State { kNeedMore, kHeaderDone, kComplete };
    struct Progress {
        State state = State::kNeedMore;
        size_t used_bytes = 0;  // of the input; the rest is to be fed again, with more behind it
    };

    explicit HttpParser(size_t header_bytes_max);
    ~HttpParser();

    // Stops once after the header (kHeaderDone), so that it can be judged before the body comes. Errors:
    // kInvalidArgument with detail "bad_request", "headers_too_large" or "request_too_large".
    base::Result<Progress> feed(std::string_view input);

    // Between kHeaderDone and the next feed(). The declared length of the body may exceed it already: an
    // error then.
    base::Result<void> limit_body(size_t body_bytes_max);

    bool header_done() const;
    // The header is valid from kHeaderDone on, the body at kComplete.
    HttpRequest& request();

  private:
    class Beast;
    std::unique_ptr<Beast> beast_;
};

}  // namespace shimmy
