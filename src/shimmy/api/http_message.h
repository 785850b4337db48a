// HTTP requests and responses as plain data, and Reply: an answer in the making.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shimmy {

struct HttpRequest {
    std::string method;  // as sent: "GET"
    std::string target;  // as sent: "/v1/models?x=1"
    bool http_1_0 = false;
    bool keep_alive = true;  // what version and Connection header ask for
    bool expects_continue = false;
    bool local = false;                                        // by a UNIX-domain socket: no web page can
    std::vector<std::pair<std::string, std::string>> headers;  // in order, names as sent
    std::string body;
    std::string id;  // x-request-id of the response

    // The first header of this name, in any case; null when absent.
    const std::string* header(std::string_view name) const;
};

// The items of a header that is a list, without the spaces around them; none of a header that is absent.
// Borrows the header.
std::vector<std::string_view> list_items(const std::string* header);

// Compares header names and host names: ASCII letters in either case.
bool equals_ignoring_case(std::string_view a, std::string_view b);

// Status and headers; content type and length or framing are added by the connection.
struct ResponseHead {
    int status = 200;
    std::string_view content_type = "application/json";  // of static storage
    std::vector<std::pair<std::string_view, std::string>> headers;
    bool streamed = false;  // length not known beforehand: chunked
    std::string_view trailer =
        {};  // of a streamed answer: the field that ReplyOutput::trailer gives in the end
};

struct Response {
    ResponseHead head;
    std::string body;
};

std::string_view reason_phrase(int status);

// What a Reply has produced in one turn.
struct ReplyOutput {
    enum class State : uint8_t {
        kWaiting,  // nothing more now: `wake` will be called
        kMore,     // more is ready: to be pumped again when this is written, or in the next turn
        kDone,     // the answer is complete
    };
    ResponseHead head;
    bool has_head = false;  // set once, before or with the first bytes of the body
    std::string body;
    State state = State::kWaiting;
    std::string trailer;  // with kDone: the value of ResponseHead::trailer; empty: none after all
};

// Dropping a Reply means that its client has gone. pump() and the destructor run on the connection's thread.
class Reply {
  public:
    virtual ~Reply() = default;
    // `wake` may be called from any thread, whenever pump() has something to do. Called once, before the
    // first pump().
    virtual void on_ready(std::function<void()> wake) = 0;
    // Appends what is ready, about kPumpBytes at most, to output.body.
    virtual void pump(ReplyOutput& output) = 0;
    // What may be sent when nothing has been for a while, so that nobody on the way takes the connection for
    // dead; empty: nothing.
    virtual std::string_view keep_alive() const { return {}; }

    // After a head of status 101 the connection is the reply's own: what the client sends comes here, and
    // what pump() gives goes out as it is. Returns how many bytes it holds in memory. Followed by a pump().
    virtual size_t receive(std::string_view) { return 0; }
    // Then too: whether nothing happens until the client has said something, for which it has a time.
    virtual bool awaits_client() const { return false; }
};
inline constexpr size_t kPumpBytes = 32 << 10;

// An answer that is ready at once.
std::unique_ptr<Reply> ready_reply(Response response);

}  // namespace shimmy
