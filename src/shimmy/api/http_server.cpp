#include "shimmy/api/http_server.h"

#include <sys/resource.h>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include <csignal>
#include <utility>

#include "base/log.h"

namespace shimmy {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kAcceptBackOff = std::chrono::milliseconds(100);
constexpr auto kDrainCheck = std::chrono::milliseconds(20);

// A client that goes away must not end the process, and the connections need their file descriptors.
void prepare_process() {
    std::signal(SIGPIPE, SIG_IGN);
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

std::vector<std::unique_ptr<EventLoop>> make_loops(HttpShared& shared, int count) {
    std::vector<std::unique_ptr<EventLoop>> loops;
    for (int i = 0; i < count; ++i) loops.push_back(std::make_unique<EventLoop>(shared));
    return loops;
}

}  // namespace

HttpServer::HttpServer(int listener_fd, bool ipv6, HttpApp& app, const HttpServerOptions& options)
    : shared_{app, options.limits},
      loops_(make_loops(shared_, options.io_threads)),
      acceptor_(*loops_.front()->io(), ipv6 ? tcp::v6() : tcp::v4(), listener_fd),
      timer_(*loops_.front()->io()),
      signals_(*loops_.front()->io()) {
    prepare_process();
    if (options.handle_signals) {
        signals_.add(SIGINT);
        signals_.add(SIGTERM);
        await_signal();
    }
    accept();
    for (const auto& loop : loops_) loop->start();
}

HttpServer::~HttpServer() {
    stop_now();
    wait();
}

void HttpServer::accept() {
    EventLoop& loop = *loops_[next_loop_];
    next_loop_ = (next_loop_ + 1) % loops_.size();
    acceptor_.async_accept(*loop.io(), [this, &loop](boost::system::error_code error, tcp::socket socket) {
        on_accept(error, std::move(socket), loop);
    });
}

void HttpServer::on_accept(boost::system::error_code error, tcp::socket socket, EventLoop& loop) {
    if (!acceptor_.is_open()) return;
    if (!error) {
        accept_failing_ = false;
        asio::dispatch(*loop.io(),
                       [&loop, socket = std::move(socket)]() mutable { loop.add(std::move(socket)); });
        return accept();
    }
    if (error == asio::error::connection_aborted) return accept();
    // Out of file descriptors or memory: those who are served go on, new ones wait in the kernel's queue.
    if (!std::exchange(accept_failing_, true)) {
        base::log_warn("cannot accept connections for the moment: {}", error.message());
    }
    timer_.expires_after(kAcceptBackOff);
    timer_.async_wait([this](boost::system::error_code cancelled) {
        if (!cancelled && acceptor_.is_open()) accept();
    });
}

void HttpServer::await_signal() {
    signals_.async_wait([this](boost::system::error_code error, int number) {
        if (error) return;
        if (shared_.draining.load()) {
            base::log_info("signal {} again: stopping at once", number);
            return stop_now();
        }
        base::log_info("signal {}: finishing the running requests; once more stops at once", number);
        await_signal();
        stop();
    });
}

void HttpServer::stop() {
    asio::post(*loops_.front()->io(), [this] {
        if (shared_.draining.exchange(true)) return;
        boost::system::error_code ignored;
        acceptor_.close(ignored);
        drain_start_ = base::Clock::now();
        for (const auto& loop : loops_) loop->drain();
        check_drained();
    });
}

void HttpServer::check_drained() {
    timer_.expires_after(kDrainCheck);
    timer_.async_wait([this](boost::system::error_code cancelled) {
        if (cancelled) return;
        const size_t left = shared_.connections.load();
        const bool late = base::Clock::now() - drain_start_ > shared_.limits.drain;
        if (left > 0 && !late) return check_drained();
        if (left > 0) base::log_warn("{} requests did not end in time", left);
        stop_now();
    });
}

void HttpServer::stop_now() {
    shared_.draining.store(true);
    asio::post(*loops_.front()->io(), [this] {
        boost::system::error_code ignored;
        acceptor_.close(ignored);
        timer_.cancel();
        signals_.cancel(ignored);
        for (const auto& loop : loops_) loop->stop();
        {
            std::lock_guard lock(mutex_);
            ended_ = true;
        }
        ended_changed_.notify_all();
    });
}

void HttpServer::wait() {
    std::unique_lock lock(mutex_);
    ended_changed_.wait(lock, [this] { return ended_; });
    for (const auto& loop : loops_) loop->join();
}

}  // namespace shimmy
