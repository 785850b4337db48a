// A whole server over a fake model, and a plain socket to talk to it. For test files only.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "shimmy/api/server.h"
#include "shimmy/service/fake_model.h"

namespace shimmy {

// A blocking client socket with a time limit on every wait.
class TestClient {
  public:
    explicit TestClient(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
        EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }
    explicit TestClient(const std::string& unix_path) : fd_(socket(AF_UNIX, SOCK_STREAM, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        unix_path.copy(address.sun_path, sizeof address.sun_path - 1);
        EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }
    ~TestClient() { close(); }
    TestClient(const TestClient&) = delete;
    TestClient& operator=(const TestClient&) = delete;

    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    void end_sending() { shutdown(fd_, SHUT_WR); }
    int fd() const { return fd_; }

    void send(std::string_view text) {
        while (!text.empty()) {
            const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
            if (sent <= 0) return;  // the server has closed: what it said is still to be read
            text.remove_prefix(static_cast<size_t>(sent));
        }
    }

    // Reads until `text` is there (true), or the end or the time limit (false). All read text stays in
    // `received`.
    bool read_until(std::string_view text, std::chrono::milliseconds limit = std::chrono::seconds(10)) {
        const auto end = std::chrono::steady_clock::now() + limit;
        while (received.find(text) == std::string::npos) {
            if (!read_some(end)) return false;
        }
        return true;
    }
    // Reads until the server closes; false when it does not in time.
    bool read_to_end(std::chrono::milliseconds limit = std::chrono::seconds(10)) {
        const auto end = std::chrono::steady_clock::now() + limit;
        while (read_some(end)) {
        }
        return ended;
    }
    // One response with Content-Length, taken out of `received`.
    std::string response() {
        if (!read_until("\r\n\r\n")) return received;
        const size_t head = received.find("\r\n\r\n") + 4;
        const size_t length_at = received.find("Content-Length: ");
        const size_t length = length_at < head ? std::stoul(received.substr(length_at + 16)) : 0;
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (received.size() < head + length) {
            if (!read_some(end)) break;
        }
        std::string taken = received.substr(0, head + length);
        received.erase(0, head + length);
        return taken;
    }

    // What there is next, or false at the end or at the time.
    bool read_some(std::chrono::steady_clock::time_point end) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        pollfd wait{fd_, POLLIN, 0};
        if (left.count() <= 0 || poll(&wait, 1, static_cast<int>(left.count())) <= 0) return false;
        char buffer[16384];
        const ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
        if (got <= 0) ended = true;
        if (got > 0) received.append(buffer, static_cast<size_t>(got));
        return got > 0;
    }

    std::string received;
    bool ended = false;

  private:
    int fd_;
};

inline std::string get(std::string_view path, std::string_view headers = "") {
    return fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", path, headers);
}
inline std::string post(std::string_view path, std::string_view body, std::string_view headers = "") {
    return fmt::format(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
        "{}\r\n{}\r\n{}",
        path, body.size(), headers, body);
}

class ServerTest : public testing::Test {
  protected:
    void start(ServerOptions options = {}) {
        if (options.bind == "none") {
            options.bind.clear();
        } else {
            options.bind = "127.0.0.1:0";
        }
        options.handle_signals = false;
        options.version = "1.2.3";
        catalog = std::make_unique<Catalog>(
            std::vector{fake_entry("alpha"), fake_entry("beta"), fake_entry("broken")});
        service = std::make_unique<Service>(*catalog, fake_loader(script, loads), ServiceOptions{});
        auto started = Server::start(options, *service);
        ASSERT_TRUE(started) << started.error().message;
        server = std::move(*started);
    }
    // One request on its own connection, its whole response.
    std::string ask(std::string_view request) {
        TestClient client(server->port());
        client.send(request);
        return client.response();
    }
    // Waits until the condition holds; false after ten seconds.
    template <class Condition>
    static bool eventually(Condition condition) {
        for (int i = 0; i < 10000; ++i) {
            if (condition()) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return false;
    }

    std::shared_ptr<FakeScript> script = std::make_shared<FakeScript>();
    std::shared_ptr<std::atomic<int>> loads = std::make_shared<std::atomic<int>>(0);
    std::unique_ptr<Catalog> catalog;
    std::unique_ptr<Service> service;
    std::unique_ptr<Server> server;
};

}  // namespace shimmy
