#include "shimmy/api/event_loop.h"

#include <boost/asio/post.hpp>

#include <exception>

#include "base/log.h"
#include "shimmy/api/connection.h"

namespace shimmy {

namespace asio = boost::asio;

namespace {

constexpr auto kTick = std::chrono::milliseconds(250);

}  // namespace

EventLoop::EventLoop(HttpShared& shared) : shared_(shared) {}

void EventLoop::start() {
    tick();
    thread_ = std::jthread([this] { run(); });
}

// What escapes one connection ends that one, by its next deadline, and none of the others.
void EventLoop::run() {
    for (;;) {
        try {
            io_->run();
            return;
        } catch (const std::exception& fault) {
            base::log_error("a fault on a connection: {}", base::printable(fault.what()));
        }
    }
}

// A copy: what they are asked to do may change the set.
std::vector<std::shared_ptr<Connection>> EventLoop::all() const {
    std::vector<std::shared_ptr<Connection>> list;
    list.reserve(connections_.size());
    for (const auto& [key, connection] : connections_) list.push_back(connection);
    return list;
}

void EventLoop::tick() {
    ticker_.expires_after(kTick);
    ticker_.async_wait([this](boost::system::error_code error) {
        if (!error) tick();
    });
    now_ = base::Clock::now();
    for (const auto& each : all()) each->check_deadline(now_);
}

void EventLoop::drain() {
    asio::post(*io_, [this] {
        for (const auto& each : all()) each->drain();
    });
}

void EventLoop::stop() {
    asio::post(*io_, [this] {
        for (const auto& each : all()) each->close();
        ticker_.cancel();
        io_->stop();
    });
}

void EventLoop::join() {
    if (!thread_.joinable()) return;
    thread_.join();
    // What the closed sockets left behind, so that nothing of ours outlives us inside the context.
    io_->restart();
    io_->poll();
}

void EventLoop::add(Accepted client) {
    shared_.connections.fetch_add(1);
    auto connection = std::make_shared<Connection>(*this, std::move(client));
    connections_.emplace(connection.get(), connection);
    connection->start();
}

void EventLoop::remove(Connection& connection) {
    connections_.erase(&connection);
    shared_.connections.fetch_sub(1);
}

}  // namespace shimmy
