#include "shimmy/api/acceptor.h"

#include <sys/socket.h>
#include <boost/asio/dispatch.hpp>

#include <utility>

#include "base/log.h"

namespace shimmy {

namespace asio = boost::asio;

namespace {

constexpr auto kBackOff = std::chrono::milliseconds(100);

}  // namespace

Acceptor::Acceptor(HttpListener listener, std::span<const std::unique_ptr<EventLoop>> loops)
    : listener_(std::move(listener)),
      loops_(loops),
      acceptor_(*loops.front()->io(), asio::generic::stream_protocol(listener_.family, 0), listener_.fd),
      back_off_(*loops.front()->io()) {}

void Acceptor::accept() {
    EventLoop& loop = *loops_[next_loop_];
    next_loop_ = (next_loop_ + 1) % loops_.size();
    acceptor_.async_accept(*loop.io(),
                           [this, &loop](boost::system::error_code error, ClientStream::Socket socket) {
                               on_accept(error, std::move(socket), loop);
                           });
}

void Acceptor::on_accept(boost::system::error_code error, ClientStream::Socket socket, EventLoop& loop) {
    if (!acceptor_.is_open()) return;
    if (!error) {
        failing_ = false;
        Accepted accepted{std::move(socket), listener_.tls ? listener_.tls->load() : nullptr,
                          listener_.family == AF_UNIX};
        asio::dispatch(*loop.io(),
                       [&loop, accepted = std::move(accepted)]() mutable { loop.add(std::move(accepted)); });
        return accept();
    }
    if (error == asio::error::connection_aborted) return accept();
    // Out of file descriptors or memory: those who are served go on, new ones wait in the kernel's queue.
    if (!std::exchange(failing_, true)) {
        base::log_warn("cannot accept connections for the moment: {}", error.message());
    }
    back_off_.expires_after(kBackOff);
    back_off_.async_wait([this](boost::system::error_code cancelled) {
        if (!cancelled && acceptor_.is_open()) accept();
    });
}

void Acceptor::close() {
    boost::system::error_code ignored;
    listener_.file = {};
    acceptor_.close(ignored);
    back_off_.cancel();
}

}  // namespace shimmy
