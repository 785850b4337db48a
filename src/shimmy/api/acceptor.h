// Acceptor: one listening socket; hands its clients to the event loops in turn. On the first loop's thread.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <memory>
#include <span>

#include "shimmy/api/client_stream.h"
#include "shimmy/api/event_loop.h"
#include "shimmy/api/unix_socket.h"

namespace shimmy {

// What the next clients get; those who are in keep theirs. Any thread.
using TlsDoor = std::atomic<std::shared_ptr<ClientStream::TlsContext>>;

// A socket that is bound and listening already.
struct HttpListener {
    int fd = -1;
    int family = 0;                // AF_INET, AF_INET6 or AF_UNIX
    std::shared_ptr<TlsDoor> tls;  // null: plain
    SocketFile file = {};          // of a UNIX-domain socket; goes when it is closed
};

class Acceptor {
  public:
    // Takes the descriptor. The loops outlive the acceptor.
    Acceptor(HttpListener listener, std::span<const std::unique_ptr<EventLoop>> loops);
    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;

    void accept();  // from now on
    void close();

  private:
    void on_accept(boost::system::error_code error, ClientStream::Socket socket, EventLoop& loop);

    HttpListener listener_;
    const std::span<const std::unique_ptr<EventLoop>> loops_;
    boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol> acceptor_;
    boost::asio::steady_timer back_off_;
    size_t next_loop_ = 0;
    bool failing_ = false;  // said once, not ten times a second
};

}  // namespace shimmy
