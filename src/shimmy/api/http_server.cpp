#include "shimmy/api/http_server.h"

#include <sys/resource.h>
#include <boost/asio/post.hpp>

#include <csignal>
#include <utility>

#include "base/log.h"

namespace shimmy {

namespace asio = boost::asio;

namespace {

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

HttpServer::HttpServer(std::vector<HttpListener> listeners, HttpApp& app, const HttpServerOptions& options)
    : shared_{app, options.limits},
      loops_(make_loops(shared_, options.io_threads)),
      drain_timer_(*loops_.front()->io()),
      signals_(*loops_.front()->io()),
      on_hangup_(options.on_hangup) {
    prepare_process();
    if (options.handle_signals) {
        signals_.add(SIGINT);
        signals_.add(SIGTERM);
        if (on_hangup_) signals_.add(SIGHUP);
        await_signal();
    }
    for (HttpListener& listener : listeners) {
        acceptors_.push_back(std::make_unique<Acceptor>(std::move(listener), loops_));
        acceptors_.back()->accept();
    }
    for (const auto& loop : loops_) loop->start();
}

HttpServer::~HttpServer() {
    stop_now();
    wait();
}

void HttpServer::await_signal() {
    signals_.async_wait([this](boost::system::error_code error, int number) {
        if (error) return;
        if (number == SIGHUP) {
            on_hangup_();
            return await_signal();
        }
        if (shared_.draining.load()) {
            base::log_info("signal {} again: stopping at once", number);
            return stop_now();
        }
        base::log_info("signal {}: finishing the running requests; once more stops at once", number);
        await_signal();
        stop();
    });
}

void HttpServer::close_acceptors() {
    for (const auto& acceptor : acceptors_) acceptor->close();
}

void HttpServer::stop() {
    asio::post(*loops_.front()->io(), [this] {
        if (shared_.draining.exchange(true)) return;
        close_acceptors();
        drain_start_ = base::Clock::now();
        for (const auto& loop : loops_) loop->drain();
        check_drained();
    });
}

void HttpServer::check_drained() {
    drain_timer_.expires_after(kDrainCheck);
    drain_timer_.async_wait([this](boost::system::error_code cancelled) {
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
        close_acceptors();
        drain_timer_.cancel();
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
