// The second half of Connection: from an answer to its bytes on the socket.
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include <fmt/format.h>

#include <exception>
#include <utility>

#include "base/log.h"
#include "shimmy/api/connection.h"
#include "shimmy/api/http_format.h"
#include "shimmy/api/request_id.h"

namespace shimmy {

namespace asio = boost::asio;
using State = ReplyOutput::State;

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
    if (!reply_ || (phase_ != Phase::kAnswering && phase_ != Phase::kUpgraded)) return;
    ReplyOutput output;
    try {
        reply_->pump(output);
    } catch (const std::exception& fault) {  // memory, most likely: this client pays, the others do not
        base::log_error("request {}: {}", request_id_, base::printable(fault.what()));
        return close();
    }
    if (output.has_head) on_head(output.head, output.body.size());
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
        if (chunked_ && !head_only_) end_chunks(output.trailer);
    }
    write_more();
    if (output.state == State::kMore && !writing_) {
        asio::post(*loop_.io(), [weak = weak_from_this()] {
            const auto self = weak.lock();
            if (self && !self->writing_) self->pump();
        });
    }
    if (output.has_head && phase_ == Phase::kUpgraded && !input_.empty()) receive(std::exchange(input_, {}));
}

void Connection::on_head(const ResponseHead& head, size_t body_bytes) {
    chunked_ = head.streamed && !http_1_0_;
    trailer_ = head.trailer;
    const bool upgraded = head.status == 101;
    // The end of such a body is the end of the connection. A server that stops says so in every head, also
    // where this loop has not heard of it yet.
    const bool stops = loop_.shared().draining.load(std::memory_order_relaxed);
    if ((head.streamed && http_1_0_) || upgraded || stops) keep_alive_ = false;
    append_head(output_, head,
                {.http_1_0 = http_1_0_,
                 .keep_alive = keep_alive_,
                 .request_id = request_id_,
                 .extra_headers = extra_headers_,
                 .body_bytes = body_bytes});
    if (upgraded) enter(Phase::kUpgraded);
}

void Connection::end_chunks(std::string_view trailer) {
    if (trailer_.empty() || trailer.empty()) return append_last_chunk(output_);
    append_last_chunk(output_, fmt::format("{}: {}\r\n", trailer_, trailer));
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
    if (request != nullptr && request->id.empty()) request = nullptr;  // its header was not to be trusted
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
    enter(Phase::kLinger);
    input_.clear();
    stream_.end_sending([self = shared_from_this()] {});
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
    stream_.write_some(asio::buffer(in_flight_.data() + written_bytes_, in_flight_.size() - written_bytes_),
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
    if (phase_ != Phase::kAnswering && phase_ != Phase::kUpgraded) return;  // an interim response
    if (answered_) {
        finish_answer();
    } else {
        pump();
    }
}

}  // namespace shimmy
