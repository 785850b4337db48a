// HttpServer: the listening sockets, a few event loops, and an orderly end.
#pragma once

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "shimmy/api/acceptor.h"
#include "shimmy/api/event_loop.h"

namespace shimmy {

struct HttpServerOptions {
    HttpLimits limits;
    int io_threads = 2;
    bool handle_signals = false;      // SIGINT and SIGTERM: stop(), the second time stop_now()
    std::function<void()> on_hangup;  // with them: SIGHUP, on an I/O thread; unset: not handled
};

class HttpServer {
  public:
    // `app` must outlive the server.
    HttpServer(std::vector<HttpListener> listeners, HttpApp& app, const HttpServerOptions& options);
    ~HttpServer();  // stop_now(), and waits
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    // From any thread:
    void stop();  // no new connections; ends when the running requests are answered, or after limits.drain
    void stop_now();  // closes everything
    void wait();      // until the server has ended

  private:
    void await_signal();
    void close_acceptors();
    void check_drained();

    HttpShared shared_;
    std::vector<std::unique_ptr<EventLoop>> loops_;  // the first one accepts
    std::vector<std::unique_ptr<Acceptor>> acceptors_;
    boost::asio::steady_timer drain_timer_;
    boost::asio::signal_set signals_;
    base::Clock::time_point drain_start_;

    const std::function<void()> on_hangup_;
    std::mutex mutex_;
    std::condition_variable ended_changed_;
    bool ended_ = false;
};

}  // namespace shimmy
