#include "shimmy/api/connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <utility>

#include "base/log.h"
#include "shimmy/api/http_format.h"
#include "shimmy/api/request_id.h"

namespace shimmy {

namespace asio = boost::asio;
using State = ReplyOutput::State;

namespace {

constexpr size_t kReadBytes = 4 << 10;
constexpr size_t kReadBodyBytes = 64 << 10;
constexpr size_t kKeptBytes = 8 << 10;  // of a buffer, between requests

void release_if_large(std::string& buffer) {
    if (buffer.empty() && buffer.capacity() > kKeptBytes) std::string().swap(buffer);
}

}  // namespace

Connection::Connection(EventLoop& loop, asio::ip::tcp::socket socket)
    : loop_(loop), socket_(std::move(socket)), phase_start_(loop.now()), write_progress_(loop.now()) {}

void Connection::start() {
    boost::system::error_code ignored;
    socket_.non_blocking(true, ignored);
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    socket_.set_option(asio::socket_base::keep_alive(true), ignored);
    if (loop_.shared().connections.load() > loop_.shared().limits.connections) {
        return refuse({base::ErrorCode::kUnavailable,
                       "This server has too many connections; try again in a moment.",
                       {},
                       "too_many_connections"});
    }
    read_more();
}

void Connection::enter(Phase phase) {
    phase_ = phase;
    phase_start_ = loop_.now();
}

void Connection::close() {
    if (phase_ == Phase::kClosed) return;
    phase_ = Phase::kClosed;
    reply_.reset();  // cancels what it was for
    forget_body();
    boost::system::error_code ignored;
    socket_.close(ignored);
    loop_.remove(*this);
}

void Connection::drain() {
    keep_alive_ = false;
    if (phase_ == Phase::kIdle && input_.empty()) close();
}

void Connection::check_deadline(Time now) {
    const HttpLimits& limits = loop_.shared().limits;
    if (writing_ && now - write_progress_ > limits.write) {
        base::log_debug("a client has not read for {} s: dropped", limits.write.count() / 1000);
        return close();
    }
    const auto spent = now - phase_start_;
    switch (phase_) {
        case Phase::kIdle:
            if (spent > limits.idle) close();
            break;
        case Phase::kHeader:
            if (spent > limits.header) {
                refuse({base::ErrorCode::kDeadline,
                        "The request's headers did not arrive in time.",
                        {},
                        "request_timeout"});
            }
            break;
        case Phase::kBody:
            if (spent > limits.body + std::chrono::seconds(body_received_bytes_ / limits.body_bytes_per_s)) {
                refuse({base::ErrorCode::kDeadline,
                        "The request's body did not arrive in time.",
                        {},
                        "request_timeout"});
            }
            break;
        case Phase::kLinger:
            if (spent > limits.linger) close();
            break;
        case Phase::kAnswering:
            break_silence(now);
            break;
        case Phase::kClosed:
            break;
    }
}

// ---- reading

void Connection::read_more() {
    if (reading_ || peer_ended_ || phase_ == Phase::kClosed) return;
    if (phase_ == Phase::kAnswering && input_.size() >= loop_.shared().limits.read_ahead_bytes) return;
    reading_ = true;
    if (phase_ != Phase::kBody) {
        read_buffer_.clear();
        release_if_large(read_buffer_);
    }
    read_buffer_.resize(phase_ == Phase::kBody ? kReadBodyBytes : kReadBytes);
    socket_.async_read_some(asio::buffer(read_buffer_),
                            [self = shared_from_this()](boost::system::error_code error, size_t bytes) {
                                self->reading_ = false;
                                self->on_read(error, bytes);
                            });
}

void Connection::on_read(boost::system::error_code error, size_t bytes) {
    if (phase_ == Phase::kClosed) return;
    if (error == asio::error::eof) return on_peer_end();
    if (error) return close();
    if (phase_ == Phase::kBody && !count_body(bytes)) {
        return refuse({base::ErrorCode::kOutOfMemory,
                       "The requests being read exceed this server's memory; try again.",
                       {},
                       {}});
    }
    if (phase_ != Phase::kLinger && !refused_) {
        input_.append(read_buffer_, 0, bytes);
        advance();
    }
    read_more();
}

void Connection::on_peer_end() {
    peer_ended_ = true;
    const bool answer_still_comes = phase_ == Phase::kAnswering && (answered_ || !reply_);
    if (!answer_still_comes) close();
}

bool Connection::count_body(size_t bytes) {
    body_received_bytes_ += bytes;
    HttpShared& shared = loop_.shared();
    return shared.body_bytes.fetch_add(bytes) + bytes <= shared.limits.all_bodies_bytes;
}

void Connection::forget_body() {
    loop_.shared().body_bytes.fetch_sub(std::exchange(body_received_bytes_, 0));
}

void Connection::advance() {
    while (phase_ == Phase::kIdle || phase_ == Phase::kHeader || phase_ == Phase::kBody) {
        if (phase_ == Phase::kIdle) {
            input_.erase(0,
                         input_.find_first_not_of("\r\n"));  // line ends that some clients send after a body
            if (input_.empty()) return;
            parser_.emplace(loop_.shared().limits.header_bytes);
            enter(Phase::kHeader);
        }
        if (!feed()) return;
    }
}

bool Connection::feed() {
    const auto progress = parser_->feed(input_);
    if (!progress) {
        refuse(progress.error());
        return false;
    }
    input_.erase(0, progress->used_bytes);
    switch (progress->state) {
        case HttpParser::State::kHeaderDone:
            return on_header();
        case HttpParser::State::kComplete:
            answer();
            return true;
        case HttpParser::State::kNeedMore:
            break;
    }
    // Only the frame of a chunk can be left unparsed here, and that is short.
    if (phase_ == Phase::kBody && input_.size() > loop_.shared().limits.header_bytes) {
        refuse({base::ErrorCode::kInvalidArgument,
                "Malformed HTTP request: a chunk is broken.",
                {},
                "bad_request"});
    }
    return false;
}

bool Connection::on_header() {
    HttpRequest& request = parser_->request();
    request.id = request_id_for(request);
    request_id_ = request.id;
    http_1_0_ = request.http_1_0;
    head_only_ = request.method == "HEAD";
    keep_alive_ = request.keep_alive && !loop_.shared().draining.load(std::memory_order_relaxed);
    auto admission = loop_.shared().app.admit(request);
    if (admission) {
        if (auto fits = parser_->limit_body(admission->body_bytes_max); !fits) {
            admission = std::unexpected(std::move(fits).error());
        }
    }
    if (!admission) {
        refuse(admission.error());
        return false;
    }
    extra_headers_ = std::move(admission->response_headers);
    enter(Phase::kBody);
    if (request.expects_continue && input_.empty()) {
        output_ += "HTTP/1.1 100 Continue\r\n\r\n";
        write_more();
    }
    return true;
}

// ---- answering

void Connection::answer() {
    enter(Phase::kAnswering);
    answered_ = false;
    wake_posted_ = std::make_shared<std::atomic<bool>>(false);
    HttpRequest request = std::move(parser_->request());
    parser_.reset();
    loop_.shared().app.handle(std::move(request),
                              [weak = weak_from_this(), io = loop_.io()](std::unique_ptr<Reply> reply) {
                                  // At once when called by handle() itself on this thread.
                                  asio::dispatch(*io, [weak, reply = std::move(reply)]() mutable {
                                      if (const auto self = weak.lock()) self->deliver(std::move(reply));
                                  });
                              });
}

void Connection::deliver(std::unique_ptr<Reply> reply) {
    if (phase_ != Phase::kAnswering || reply_) return;  // the client has gone meanwhile
    forget_body();
    reply_ = std::move(reply);
    reply_->on_ready([weak = weak_from_this(), posted = wake_posted_, io = loop_.io()] {
        if (posted->exchange(true)) return;
        asio::post(*io, [weak, posted] {
            posted->store(false);
            const auto self = weak.lock();
            if (self && self->wake_posted_ == posted && !self->writing_) self->pump();
        });
    });
    if (!writing_) pump();
    if (peer_ended_ && !answered_) close();
}

void Connection::pump() {
    if (!reply_ || phase_ != Phase::kAnswering) return;
    ReplyOutput output;
    reply_->pump(output);
    if (output.has_head) {
        chunked_ = output.head.streamed && !http_1_0_;
        if (output.head.streamed && http_1_0_)
            keep_alive_ = false;  // the end of the body is the end of the connection
        append_head(output_, output.head,
                    {.http_1_0 = http_1_0_,
                     .keep_alive = keep_alive_,
                     .request_id = request_id_,
                     .extra_headers = extra_headers_,
                     .body_bytes = output.body.size()});
    }
    if (!output.body.empty() && !head_only_) {
        if (chunked_) {
            append_chunk(output_, output.body);
        } else {
            output_ += output.body;
        }
    }
    if (output.state == State::kDone) {
        reply_.reset();
        answered_ = true;
        if (chunked_ && !head_only_) append_last_chunk(output_);
    }
    write_more();
    if (output.state == State::kMore && !writing_) {
        asio::post(*loop_.io(), [weak = weak_from_this()] {
            const auto self = weak.lock();
            if (self && !self->writing_) self->pump();
        });
    }
}

// A long prefill says nothing for as long as it takes, and clients and proxies give up on silence.
void Connection::break_silence(Time now) {
    if (!reply_ || writing_ || head_only_) return;
    if (now - write_progress_ < loop_.shared().limits.keep_alive) return;
    const std::string_view comment = reply_->keep_alive();
    if (comment.empty()) return;
    if (chunked_) {
        append_chunk(output_, comment);
    } else {
        output_ += comment;
    }
    write_more();
}

// Answers what cannot be served, then ends the connection: what follows on it is not to be trusted.
void Connection::refuse(const base::Error& error) {
    HttpRequest* request = parser_ && parser_->header_done() ? &parser_->request() : nullptr;
    Response response = loop_.shared().app.refuse(error, request);
    if (request == nullptr) {
        request_id_ = new_request_id();
        head_only_ = false;
    }
    append_head(output_, response.head,
                {.http_1_0 = http_1_0_,
                 .keep_alive = false,
                 .request_id = request_id_,
                 .extra_headers = {},
                 .body_bytes = response.body.size()});
    if (!head_only_) output_ += response.body;
    keep_alive_ = false;
    refused_ = true;
    answered_ = true;
    input_.clear();
    parser_.reset();
    forget_body();
    enter(Phase::kAnswering);
    write_more();
    read_more();
}

void Connection::finish_answer() {
    wake_posted_.reset();
    if (peer_ended_) return close();
    if (!keep_alive_ || loop_.shared().draining.load(std::memory_order_relaxed)) return linger();
    chunked_ = false;
    answered_ = false;
    extra_headers_.clear();
    for (std::string* buffer : {&input_, &output_, &in_flight_}) release_if_large(*buffer);
    enter(Phase::kIdle);
    advance();
    read_more();
}

// Tells the client that nothing follows, and lets it finish sending what it still sends; a plain close would
// throw away the answer when unread bytes are left.
void Connection::linger() {
    boost::system::error_code ignored;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    enter(Phase::kLinger);
    input_.clear();
    read_more();
}

// ---- writing

void Connection::write_more() {
    if (writing_ || phase_ == Phase::kClosed) return;
    if (written_bytes_ == in_flight_.size()) {
        in_flight_.clear();
        written_bytes_ = 0;
        in_flight_.swap(output_);
    }
    if (in_flight_.empty()) return;
    writing_ = true;
    write_progress_ = loop_.now();
    socket_.async_write_some(
        asio::buffer(in_flight_.data() + written_bytes_, in_flight_.size() - written_bytes_),
        [self = shared_from_this()](boost::system::error_code error, size_t bytes) {
            self->writing_ = false;
            self->on_written(error, bytes);
        });
}

void Connection::on_written(boost::system::error_code error, size_t bytes) {
    if (phase_ == Phase::kClosed) return;
    if (error) return close();
    written_bytes_ += bytes;
    if (written_bytes_ < in_flight_.size() || !output_.empty()) return write_more();
    if (phase_ != Phase::kAnswering) return;  // an interim response
    if (answered_) {
        finish_answer();
    } else {
        pump();
    }
}

}  // namespace shimmy
