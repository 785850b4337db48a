// What the HTTP layer adds to a request and to a streamed token, and how long a large chat body takes to
// parse.
//
//   http_bench
// The model is a fake one that answers at once. Requests: POST /v1/chat/completions for one token on a kept
// connection, against the same request to the service. Tokens: from the moment that a generation's event is
// there to the moment that the client has read it, against a thread that waits for the event itself.
#include <fmt/format.h>

#include <fcntl.h>

#include <algorithm>
#include <condition_variable>
#include <ctime>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/rng.h"
#include "shimmy/api/http_server.h"
#include "shimmy/api/json_read.h"
#include "shimmy/api/listener.h"
#include "shimmy/api/openai_chat.h"
#include "shimmy/api/test_server.h"

namespace shimmy {
namespace {

using base::Clock;

constexpr int kRequests = 2000, kWarmUp = 200, kTokens = 5000;
constexpr auto kTokenInterval = std::chrono::microseconds(200);
constexpr size_t kBodyBytes = 2 << 20;
constexpr std::string_view kChat =
    R"({"model":"alpha","max_tokens":1,"messages":[{"role":"user","content":"Hello, how are you today?"}]})";

struct Times {
    std::vector<double> us;
    double at(double share) {
        std::ranges::sort(us);
        return us[std::min(us.size() - 1, static_cast<size_t>(share * static_cast<double>(us.size())))];
    }
};

double us_since(Clock::time_point start) { return base::seconds_since(start) * 1e6; }

void print(std::string_view what, Times& with, Times& without) {
    fmt::print(
        "{:<44} p50 {:7.1f} us, p99 {:7.1f}; without HTTP p50 {:7.1f}, p99 {:7.1f}; added p50 {:7.1f}\n",
        what, with.at(0.5), with.at(0.99), without.at(0.5), without.at(0.99), with.at(0.5) - without.at(0.5));
}

// A thread's way to wait for a generation.
class Waiter {
  public:
    std::function<void()> wake() {
        return [this] {
            {
                std::lock_guard lock(mutex_);
                ready_ = true;
            }
            changed_.notify_one();
        };
    }
    void wait() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return ready_; });
        ready_ = false;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool ready_ = false;
};

// ---- requests

GenerateRequest parsed_chat() {
    auto body = parse_json_object(kChat);
    return parse_openai_chat(*body)->request;
}

Times time_service(Service& service) {
    Times times;
    for (int i = 0; i < kWarmUp + kRequests; ++i) {
        GenerateRequest request = parsed_chat();
        Waiter waiter;
        const auto start = Clock::now();
        const auto generation = service.generate(std::move(request));
        generation->on_ready(waiter.wake());
        for (bool over = false; !over;) {
            while (const auto event = generation->try_next())
                over = std::holds_alternative<GenerationEnd>(*event);
            if (!over) waiter.wait();
        }
        if (i >= kWarmUp) times.us.push_back(us_since(start));
    }
    return times;
}

Times time_requests(uint16_t port) {
    Times times;
    TestClient client(port);
    const std::string request = post("/v1/chat/completions", kChat);
    for (int i = 0; i < kWarmUp + kRequests; ++i) {
        const auto start = Clock::now();
        client.send(request);
        if (!client.response().starts_with("HTTP/1.1 200")) std::abort();
        if (i >= kWarmUp) times.us.push_back(us_since(start));
    }
    return times;
}

void bench_requests() {
    Catalog catalog(std::vector{fake_entry("alpha")});
    Service service(catalog,
                    fake_loader(std::make_shared<FakeScript>(), std::make_shared<std::atomic<int>>(0)), {});
    const auto server = Server::start({.bind = "127.0.0.1:0", .handle_signals = false}, service);
    Times without = time_service(service), with = time_requests((*server)->port());
    print("a chat request for one token", with, without);
}

// ---- tokens

// Sends one token at a time, each with the moment of its birth as text.
class TimedGeneration final : public Generation {
  public:
    std::optional<GenerationEvent> try_next() override {
        std::lock_guard lock(mutex_);
        if (events_.empty()) return std::nullopt;
        GenerationEvent event = std::move(events_.front());
        events_.pop_front();
        return event;
    }
    void on_ready(std::function<void()> wake) override {
        wake_ = std::move(wake);
        thread_ = std::jthread([this] { run(); });
    }

  private:
    void run() {
        put(Started{});
        for (int i = 0; i < kTokens; ++i) {
            std::this_thread::sleep_for(kTokenInterval);
            put(TextDelta{0, fmt::format("@{};", Clock::now().time_since_epoch().count()), {}});
        }
        put(ChoiceEnd{});
        put(GenerationEnd{});
    }
    void put(GenerationEvent event) {
        {
            std::lock_guard lock(mutex_);
            events_.push_back(std::move(event));
        }
        wake_();
    }

    std::mutex mutex_;
    std::deque<GenerationEvent> events_;
    std::function<void()> wake_;
    std::jthread thread_;
};

class TimedApp final : public HttpApp {
  public:
    base::Result<Admission> admit(const HttpRequest&) override { return Admission{}; }
    void handle(HttpRequest, Deliver deliver) override {
        deliver(completion_reply(std::make_unique<TimedGeneration>(),
                                 openai_chat_encoder({"chatcmpl-0123456789abcdefghijklmn", 1, "alpha"}, {}),
                                 true));
    }
    Response refuse(const base::Error&, const HttpRequest*) override { return {}; }
};

// Notes the age of every whole "@NUMBER;" in the text; returns how much of it has been looked at.
size_t note_ages(std::string_view text, Times& times) {
    const auto now = Clock::now().time_since_epoch().count();
    size_t done = 0;
    for (size_t at = text.find('@'); at != std::string_view::npos; at = text.find('@', done)) {
        const size_t end = text.find(';', at);
        if (end == std::string_view::npos) break;
        times.us.push_back(
            static_cast<double>(now - std::stoll(std::string(text.substr(at + 1, end - at - 1)))) * 1e-3);
        done = end + 1;
    }
    return done;
}

Times time_direct_tokens() {
    Times times;
    Waiter waiter;
    TimedGeneration generation;
    generation.on_ready(waiter.wake());
    for (bool over = false; !over;) {
        while (const auto event = generation.try_next()) {
            if (const auto* delta = std::get_if<TextDelta>(&*event)) note_ages(delta->text, times);
            over = std::holds_alternative<GenerationEnd>(*event);
        }
        if (!over) waiter.wait();
    }
    return times;
}

// What the kernel takes: the thread that has the event writes it to a loopback connection itself.
Times time_bare_socket() {
    const auto listener = listen_on({"127.0.0.1", 0});
    fcntl(listener->fd, F_SETFL, 0);  // accept() waits
    TestClient client(listener->port);
    const int fd = accept(listener->fd, nullptr, nullptr);
    const std::jthread writer([fd] {
        for (int i = 0; i < kTokens; ++i) {
            std::this_thread::sleep_for(kTokenInterval);
            const std::string text = fmt::format("@{};", Clock::now().time_since_epoch().count());
            if (send(fd, text.data(), text.size(), 0) < 0) std::abort();
        }
        close(fd);
    });
    Times times;
    while (client.read_some(Clock::now() + std::chrono::seconds(10)))
        client.received.erase(0, note_ages(client.received, times));
    close(listener->fd);
    return times;
}

Times time_streamed_tokens() {
    TimedApp app;
    const auto listener = listen_on({"127.0.0.1", 0});
    std::vector<HttpListener> listeners(1);
    listeners[0].fd = listener->fd;
    listeners[0].family = listener->family;
    const HttpServer server(std::move(listeners), app, {});
    TestClient client(listener->port);
    client.send(get("/"));
    Times times;
    while (client.received.find("[DONE]") == std::string::npos) {
        if (!client.read_some(Clock::now() + std::chrono::seconds(10))) std::abort();
        client.received.erase(0, note_ages(client.received, times));
    }
    return times;
}

// ---- bodies

std::string body_of(const std::function<std::string()>& message) {
    std::string body = R"({"model":"alpha","messages":[)";
    while (body.size() < kBodyBytes) body += message() + ",";
    body.back() = ']';
    return body + "}";
}

double processor_us() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) * 1e-3;
}

void bench_body(std::string_view what, const std::string& body) {
    Times times;
    for (int i = 0; i < 21; ++i) {
        const double start = processor_us();
        const auto object = parse_json_object(body);
        if (!object || !parse_openai_chat(*object)) std::abort();
        times.us.push_back(processor_us() - start);
    }
    fmt::print("{:<44} p50 {:7.1f} ms, slowest {:7.1f} of processor time\n", what, times.at(0.5) / 1e3,
               times.at(1) / 1e3);
}

void bench_bodies() {
    base::Rng rng(1);
    const auto words = [&](size_t bytes) {
        std::string text;
        while (text.size() < bytes)
            text += rng.next_below(8) == 0 ? "caf\\u00e9\\n" : rng.next_below(8) == 0 ? "中文 " : "words ";
        return text;
    };
    const auto message = [&](size_t bytes) {
        return fmt::format(R"({{"role":"user","content":"{}"}})", words(bytes));
    };
    bench_body("2 MiB chat body, one long message", body_of([&] { return message(kBodyBytes); }));
    bench_body("2 MiB chat body, messages of 1,000 bytes", body_of([&] { return message(1000); }));
    bench_body("2 MiB chat body, messages of 20 bytes", body_of([&] { return message(20); }));
}

}  // namespace
}  // namespace shimmy

int main() {
    shimmy::bench_requests();
    auto streamed = shimmy::time_streamed_tokens(), direct = shimmy::time_direct_tokens();
    auto bare = shimmy::time_bare_socket();
    shimmy::print("a streamed token", streamed, direct);
    shimmy::print("the same bytes on a bare loopback socket", bare, direct);
    shimmy::bench_bodies();
}
