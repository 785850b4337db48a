// Connection: one client's stream, one request at a time, in order.
//
//   handshake (TLS) -> idle -> header -> body -> answering -> idle …            any -> linger (a refused
//   client reads why) -> closed
//   answering -> upgraded (WebSocket: the reply has the stream to itself) -> linger
// It always reads, also while answering: that is how it learns at once that the client has gone, which drops
// the reply and so cancels its generation. What it reads then belongs to the next request and waits, bounded,
// in `input_`. A client that only ends its own side still gets an answer that is ready, but nothing is
// generated for it. A reply is pumped only when everything before it has been written: a slow reader holds up
// nobody but itself. All on the thread of its loop.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "shimmy/api/client_stream.h"
#include "shimmy/api/event_loop.h"
#include "shimmy/api/http_parser.h"

namespace shimmy {

class Connection : public std::enable_shared_from_this<Connection> {
  public:
    Connection(EventLoop& loop, Accepted client);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void start();
    void check_deadline(base::Clock::time_point now);
    void drain();  // closes when idle, else after the answer
    void close();

  private:
    enum class Phase : uint8_t { kHandshake, kIdle, kHeader, kBody, kAnswering, kUpgraded, kLinger, kClosed };
    using Time = base::Clock::time_point;

    static void release_if_large(std::string& buffer);

    void enter(Phase phase);
    std::chrono::milliseconds body_time() const;  // for what has come of it so far
    void on_handshake(boost::system::error_code error);
    void read_more();
    void on_read(boost::system::error_code error, size_t bytes);
    void on_peer_end();

    bool hold_body(size_t bytes);  // in all; false: more than the server's memory allows
    void receive(std::string_view bytes);
    void forget_body();
    void advance();  // as far as `input_` goes
    bool feed();     // false: more input is needed, or this request is decided
    bool on_header();
    void answer();
    void refuse(const base::Error& error);

    void deliver(std::unique_ptr<Reply> reply);
    void pump();
    void on_head(const ResponseHead& head, size_t body_bytes);
    void end_chunks(std::string_view trailer);
    void break_silence(Time now);

    void write_more();
    void on_written(boost::system::error_code error, size_t bytes);
    void finish_answer();
    void linger();

    EventLoop& loop_;
    ClientStream stream_;
    const bool local_;
    Phase phase_ = Phase::kIdle;
    Time phase_start_;
    Time write_progress_;

    std::string read_buffer_;  // of the read under way
    bool reading_ = false;
    std::string input_;               // read, not yet parsed
    size_t body_received_bytes_ = 0;  // counted in HttpShared::body_bytes
    std::optional<HttpParser> parser_;
    std::string extra_headers_;

    // The request being answered.
    std::string request_id_;
    bool http_1_0_ = false, head_only_ = false, keep_alive_ = true, chunked_ = false;
    bool refused_ = false;     // what the client still sends is thrown away
    bool peer_ended_ = false;  // the client sends no more; perhaps it still reads
    std::unique_ptr<Reply> reply_;
    std::string_view trailer_;  // name of the field that follows its body, if any
    bool answered_ = false;     // all of the answer is in the output
    std::shared_ptr<std::atomic<bool>> wake_posted_;

    std::string output_;     // to be written next
    std::string in_flight_;  // being written
    size_t written_bytes_ = 0;
    bool writing_ = false;
};

}  // namespace shimmy
