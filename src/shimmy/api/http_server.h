// HttpServer: the listening socket, a few event loops, and an orderly end.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "shimmy/api/event_loop.h"

namespace shimmy {

struct HttpServerOptions {
    HttpLimits limits;
    int io_threads = 2;
    bool handle_signals = false;  // SIGINT and SIGTERM: stop(), the second time stop_now()
};

class HttpServer {
  public:
    // `listener` is bound and listening already; `app` must outlive the server.
    HttpServer(int listener_fd, bool ipv6, HttpApp& app, const HttpServerOptions& options);
    ~HttpServer();  // stop_now(), and waits
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    // From any thread:
    void stop();  // no new connections; ends when the running requests are answered, or after limits.drain
    void stop_now();  // closes everything
    void wait();      // until the server has ended

  private:
    void accept();
    void on_accept(boost::system::error_code error, boost::asio::ip::tcp::socket socket, EventLoop& loop);
    void await_signal();
    void check_drained();

    HttpShared shared_;
    std::vector<std::unique_ptr<EventLoop>> loops_;  // the first one accepts
    boost::asio::ip::tcp::acceptor acceptor_;
    boost::asio::steady_timer timer_;  // back-off of the acceptor, then progress of the drain
    boost::asio::signal_set signals_;
    size_t next_loop_ = 0;
    bool accept_failing_ = false;  // said once, not ten times a second
    base::Clock::time_point drain_start_;

    std::mutex mutex_;
    std::condition_variable ended_changed_;
    bool ended_ = false;
};

}  // namespace shimmy
