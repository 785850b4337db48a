#include "shimmy/api/server.h"

#include <sys/socket.h>

#include <utility>

#include "base/log.h"
#include "shimmy/api/api_app.h"
#include "shimmy/api/http_server.h"
#include "shimmy/api/listener.h"
#include "shimmy/api/unix_socket.h"

namespace shimmy {

namespace {

bool is_any_address(const std::string& address) { return address == "0.0.0.0" || address == "::"; }

// Where the server listens. A port or a socket at least.
struct Doors {
    Listener port;
    UnixListener socket;
    std::shared_ptr<TlsDoor> tls;  // of the port; null: plain
    std::string tls_warning;

    std::vector<HttpListener> take_listeners() {
        std::vector<HttpListener> list;
        if (port.fd >= 0) list.push_back({port.fd, port.family, tls});
        if (socket.fd >= 0) list.push_back({socket.fd, AF_UNIX, nullptr, std::move(socket.file)});
        return list;
    }
    std::string url() const {
        if (port.fd < 0) return "http://localhost";
        const std::string_view scheme = tls ? "https" : "http";
        if (is_any_address(port.address)) return fmt::format("{}://127.0.0.1:{}", scheme, port.port);
        const bool v6 = port.family == AF_INET6;
        return fmt::format("{}://{}{}{}:{}", scheme, v6 ? "[" : "", port.address, v6 ? "]" : "", port.port);
    }
};

class RunningServer final : public Server {
  public:
    RunningServer(ServerOptions options, Doors doors, Service& service)
        : doors_(std::move(doors)),
          url_(doors_.url()),
          app_({service, std::move(options.version), url_, options.limits.message_bytes,
                options.strict ? std::make_shared<const KnownNames>() : nullptr},
               {doors_.port.address, is_any_address(doors_.port.address), std::move(options.allowed_hosts),
                std::move(options.allowed_origins)},
               std::move(options.keys), options.limits.body_bytes),
          reload_keys_(std::move(options.reload_keys)),
          tls_files_(std::move(options.tls)),
          http_(doors_.take_listeners(), app_,
                {options.limits, std::max(options.io_threads, 1), options.handle_signals,
                 reload_keys_ || doors_.tls ? [this] { reload(); } : std::function<void()>()}) {}

    const std::string& address() const override { return doors_.port.address; }
    uint16_t port() const override { return doors_.port.port; }
    const std::string& url() const override { return url_; }
    const std::string& tls_warning() const override { return doors_.tls_warning; }
    void stop() override { http_.stop(); }
    void reload() override {
        if (reload_keys_) reload_keys();
        if (doors_.tls) reload_certificate();
    }
    void wait() override { http_.wait(); }

  private:
    void reload_keys() {
        auto keys = reload_keys_();
        if (!keys) return base::log_error("the API keys stay as they are: {}", keys.error().message);
        base::log_info("{} API keys are valid from now on", keys->size());
        app_.change_keys(*std::move(keys));
    }
    void reload_certificate() {
        const auto setup = load_tls(tls_files_);
        if (!setup) return base::log_error("the certificate stays as it is: {}", setup.error().message);
        base::log_info("new clients see the certificate of {} from now on", tls_files_.certificate.string());
        if (!setup->warning.empty()) base::log_warn("{}", setup->warning);
        doors_.tls->store(setup->context);
    }

    Doors doors_;
    const std::string url_;
    ApiApp app_;
    const std::function<base::Result<ApiKeys>()> reload_keys_;
    const TlsFiles tls_files_;
    HttpServer http_;
};

base::Result<Listener> listen_on_port(const std::string& bind) {
    if (bind.empty()) return listen_on_loopback(kDefaultPort, kDefaultPortLast);
    TRY(const BindAddress address, parse_bind(bind));
    return listen_on(address);
}

}  // namespace

base::Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Service& service) {
    Doors doors;
    if (!options.tls.certificate.empty()) {
        TRY(TlsSetup setup, load_tls(options.tls));
        doors.tls = std::make_shared<TlsDoor>(std::move(setup.context));
        doors.tls_warning = std::move(setup.warning);
    }
    if (!options.unix_socket.empty()) {
        TRY(doors.socket, listen_on_unix(options.unix_socket));
    }
    if (!options.bind.empty() || options.unix_socket.empty()) {
        TRY(doors.port, listen_on_port(options.bind));
    }
    return std::make_unique<RunningServer>(std::move(options), std::move(doors), service);
}

}  // namespace shimmy
