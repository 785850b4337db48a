#include "shimmy/api/server.h"

#include <utility>

#include "shimmy/api/api_app.h"
#include "shimmy/api/http_server.h"
#include "shimmy/api/listener.h"

namespace shimmy {

namespace {

bool is_any_address(const std::string& address) { return address == "0.0.0.0" || address == "::"; }

std::string url_of(const Listener& listener) {
    if (is_any_address(listener.address)) return fmt::format("http://127.0.0.1:{}", listener.port);
    return listener.ipv6 ? fmt::format("http://[{}]:{}", listener.address, listener.port)
                         : fmt::format("http://{}:{}", listener.address, listener.port);
}

class RunningServer final : public Server {
  public:
    RunningServer(ServerOptions options, const Listener& listener, Service& service)
        : address_(listener.address),
          port_(listener.port),
          url_(url_of(listener)),
          app_({service, std::move(options.version), url_},
               {listener.address, is_any_address(listener.address), std::move(options.allowed_hosts)},
               std::move(options.keys), options.limits.body_bytes),
          http_(listener.fd, listener.ipv6, app_,
                {options.limits, std::max(options.io_threads, 1), options.handle_signals}) {}

    const std::string& address() const override { return address_; }
    uint16_t port() const override { return port_; }
    const std::string& url() const override { return url_; }
    void stop() override { http_.stop(); }
    void wait() override { http_.wait(); }

  private:
    const std::string address_;
    const uint16_t port_;
    const std::string url_;
    ApiApp app_;
    HttpServer http_;
};

base::Result<Listener> listen(const std::string& bind) {
    if (bind.empty()) return listen_on_loopback(kDefaultPort, kDefaultPortLast);
    TRY(const BindAddress address, parse_bind(bind));
    return listen_on(address);
}

}  // namespace

base::Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Service& service) {
    TRY(const Listener listener, listen(options.bind));
    return std::make_unique<RunningServer>(std::move(options), listener, service);
}

}  // namespace shimmy
