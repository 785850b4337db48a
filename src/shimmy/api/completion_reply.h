// CompletionReply: a running generation as an HTTP answer, in whatever dialect. The first event decides the
// status line: a fault before it is a plain error response, after it an error event inside the stream.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shimmy/api/http_message.h"
#include "shimmy/service/generation.h"

namespace shimmy {

// All of one answer, for clients that do not stream.
struct Completion {
    struct Choice {
        struct Call {
            std::string id, name, arguments;
        };
        std::string text;
        std::vector<TokenInfo> logprobs;
        airframe::FinishReason reason = airframe::FinishReason::kStop;
        std::string stop_sequence;
        std::string reasoning = {};
        std::vector<Call> calls = {};
    };
    std::vector<Choice> choices;
    Totals totals;
};

// A dialect's way to write one request's events. Pure: events in, bytes out; the state is that of one
// request.
class Encoder {
  public:
    virtual ~Encoder() = default;
    // Appends the frames of one event of a stream, framing included. Never called with a GenerationFault.
    virtual void stream(const GenerationEvent& event, std::string& out) = 0;
    // Appends the frame that tells of a fault after the stream has begun.
    virtual void stream_fault(const base::Error& error, std::string& out) = 0;
    // The body of an answer that is not streamed.
    virtual std::string whole(const Completion& completion) = 0;
    // The response for a fault before anything has been sent.
    virtual Response refusal(const base::Error& error) = 0;
    virtual std::string_view stream_content_type() const { return "text/event-stream"; }
    virtual std::string_view keep_alive() const { return ": keep-alive\n\n"; }  // an SSE comment
};

std::unique_ptr<Reply> completion_reply(std::unique_ptr<Generation> generation,
                                        std::unique_ptr<Encoder> encoder, bool stream);

}  // namespace shimmy
