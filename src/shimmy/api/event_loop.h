// EventLoop: one I/O thread, the connections that live on it, and a coarse clock for their deadlines. A
// connection belongs to one loop for life, so its state needs no locks; others reach it by asio::post to the
// loop's context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <memory>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "shimmy/api/client_stream.h"
#include "shimmy/api/http_app.h"
#include "shimmy/api/http_limits.h"

namespace shimmy {

class Connection;

// What all loops of one server share.
struct HttpShared {
    HttpApp& app;
    const HttpLimits limits;
    std::atomic<size_t> connections{0};
    std::atomic<size_t> body_bytes{0};  // see HttpLimits::all_bodies_bytes
    std::atomic<bool> draining{false};
};

class EventLoop {
  public:
    explicit EventLoop(HttpShared& shared);

    // From any thread:
    void start();
    void drain();  // closes what is idle now, the rest when it has been answered
    void stop();   // closes everything and ends the thread
    void join();   // by one thread, after stop()

    // On the loop's own thread:
    void add(Accepted client);
    void remove(Connection& connection);
    base::Clock::time_point now() const { return now_; }  // a quarter of a second exact

    // Workers and engines may still hold it when the loop has ended; what they post then is dropped.
    const std::shared_ptr<boost::asio::io_context>& io() { return io_; }
    HttpShared& shared() { return shared_; }

  private:
    void run();
    void tick();
    std::vector<std::shared_ptr<Connection>> all() const;

    HttpShared& shared_;
    const std::shared_ptr<boost::asio::io_context> io_ = std::make_shared<boost::asio::io_context>(1);
    boost::asio::steady_timer ticker_{*io_};
    base::Clock::time_point now_ = base::Clock::now();
    std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;
    std::jthread thread_;
};

}  // namespace shimmy
