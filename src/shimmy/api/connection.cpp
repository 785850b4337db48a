#include "shimmy/api/connection.h"

#include <utility>

#include "base/log.h"
#include "shimmy/api/request_id.h"

namespace shimmy {

namespace asio = boost::asio;

namespace {

constexpr size_t kReadBytes = 4 << 10;
constexpr size_t kReadBodyBytes = 64 << 10;
constexpr size_t kKeptBytes = 8 << 10;  // of a buffer, between requests

}  // namespace

void Connection::release_if_large(std::string& buffer) {
    if (buffer.empty() && buffer.capacity() > kKeptBytes) std::string().swap(buffer);
}

Connection::Connection(EventLoop& loop, Accepted client)
    : loop_(loop),
      stream_(std::move(client.socket), client.tls.get()),
      local_(client.local),
      phase_start_(loop.now()),
      write_progress_(loop.now()) {}

void Connection::start() {
    if (loop_.shared().connections.load() > loop_.shared().limits.connections) {
        if (stream_.encrypted()) return close();  // the words would cost a handshake
        return refuse({base::ErrorCode::kUnavailable,
                       "This server has too many connections; try again in a moment.",
                       {},
                       "too_many_connections"});
    }
    if (!stream_.encrypted()) return read_more();
    enter(Phase::kHandshake);
    stream_.handshake(
        [self = shared_from_this()](boost::system::error_code error) { self->on_handshake(error); });
}

void Connection::on_handshake(boost::system::error_code error) {
    if (phase_ == Phase::kClosed) return;
    if (!error) {
        enter(Phase::kIdle);
        return read_more();
    }
    if (!ClientStream::was_plain_http(error)) return close();
    stream_.go_on_without_tls();
    refuse({base::ErrorCode::kInvalidArgument,
            "This port speaks TLS: use a URL that begins with https://.",
            {},
            "bad_request"});
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
    stream_.close();
    loop_.remove(*this);
}

void Connection::drain() {
    keep_alive_ = false;
    const bool waits = phase_ == Phase::kHandshake || (phase_ == Phase::kIdle && input_.empty()) ||
                       (phase_ == Phase::kUpgraded && reply_ && reply_->awaits_client());
    if (waits) close();
}

void Connection::check_deadline(Time now) {
    const HttpLimits& limits = loop_.shared().limits;
    if (writing_ && now - write_progress_ > limits.write) {
        base::log_debug("a client has not read for {} s: dropped", limits.write.count() / 1000);
        return close();
    }
    const auto spent = now - phase_start_;
    switch (phase_) {
        case Phase::kHandshake:
            if (spent > limits.handshake) close();
            break;
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
            if (spent > body_time()) {
                refuse({base::ErrorCode::kDeadline,
                        "The request's body did not arrive in time.",
                        {},
                        "request_timeout"});
            }
            break;
        case Phase::kLinger:
            if (spent > limits.linger) close();
            break;
        case Phase::kUpgraded:
            if (reply_ && reply_->awaits_client() && spent > body_time()) return close();
            [[fallthrough]];
        case Phase::kAnswering:
            break_silence(now);
            break;
        case Phase::kClosed:
            break;
    }
}

std::chrono::milliseconds Connection::body_time() const {
    const HttpLimits& limits = loop_.shared().limits;
    return limits.body + std::chrono::seconds(body_received_bytes_ / limits.body_bytes_per_s);
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
    stream_.read_some(asio::buffer(read_buffer_),
                      [self = shared_from_this()](boost::system::error_code error, size_t bytes) {
                          self->reading_ = false;
                          self->on_read(error, bytes);
                      });
}

void Connection::on_read(boost::system::error_code error, size_t bytes) {
    if (phase_ == Phase::kClosed) return;
    if (ClientStream::ended(error)) return on_peer_end();
    if (error) return close();
    if (phase_ == Phase::kBody && !hold_body(body_received_bytes_ + bytes)) {
        return refuse({base::ErrorCode::kOutOfMemory,
                       "The requests being read exceed this server's memory; try again.",
                       {},
                       {}});
    }
    if (phase_ == Phase::kUpgraded) {
        receive(std::string_view(read_buffer_).substr(0, bytes));
    } else if (phase_ != Phase::kLinger && !refused_) {
        input_.append(read_buffer_, 0, bytes);
        advance();
    }
    read_more();
}

void Connection::on_peer_end() {
    peer_ended_ = true;
    const bool answering = phase_ == Phase::kAnswering || phase_ == Phase::kUpgraded;
    const bool answer_still_comes = answering && (answered_ || !reply_);
    if (!answer_still_comes) close();
}

bool Connection::hold_body(size_t bytes) {
    HttpShared& shared = loop_.shared();
    const size_t more =
        bytes - std::exchange(body_received_bytes_, bytes);  // less: wraps, and so does the sum
    return shared.body_bytes.fetch_add(more) + more <= shared.limits.all_bodies_bytes;
}

void Connection::forget_body() { hold_body(0); }

void Connection::receive(std::string_view bytes) {
    if (!reply_) return;  // all has been said
    if (!hold_body(reply_->receive(bytes))) {
        base::log_debug("a WebSocket's message exceeds the server's memory: closed");
        return close();
    }
    if (!writing_) pump();
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
    request.local = local_;
    http_1_0_ = request.http_1_0;
    head_only_ = request.method == "HEAD";
    keep_alive_ = request.keep_alive;
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

}  // namespace shimmy
