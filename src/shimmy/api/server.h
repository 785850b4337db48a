// Server: the whole API on a port, a UNIX-domain socket, or both.
//
//   TRY(auto server, Server::start({.bind = "127.0.0.1:0", .version = "0.1.0"}, service));
//   print(server->url());  server->wait();          // until SIGTERM, SIGINT or stop()
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "shimmy/api/api_keys.h"
#include "shimmy/api/http_limits.h"
#include "shimmy/api/tls.h"
#include "shimmy/service/service.h"

namespace shimmy {

struct ServerOptions {
    // "host:port", ":port" or "[v6]:port"; taken as it is: a busy port is an error, port 0 any free one.
    // Empty: no port where there is a unix_socket, else loopback and the first free port of 11435 to 11535,
    // else any free one.
    std::string bind;
    std::filesystem::path unix_socket;       // empty: none
    TlsFiles tls;                            // of the port; without a certificate it speaks plain HTTP
    std::vector<std::string> allowed_hosts;  // further host names it answers to; "*": all
    std::vector<std::string>
        allowed_origins;  // "https://app.example": whose pages may use it, beside localhost's
    ApiKeys keys;         // none: everybody may use the server
    // Where to get them anew: at SIGHUP and reload(), as the certificate. Unset, and without a certificate,
    // SIGHUP ends the program, as ever.
    std::function<base::Result<ApiKeys>()> reload_keys;
    HttpLimits limits;
    bool strict = false;  // parameters that are not known are refused by name; else they are ignored
    int io_threads = 2;
    bool handle_signals = true;  // SIGINT, SIGTERM: finish what runs, then end; the second time at once
    std::string version;
};

inline constexpr uint16_t kDefaultPort = 11435;
inline constexpr uint16_t kDefaultPortLast = 11535;

class Server {
  public:
    // Accepts connections when it returns. `service` must outlive the server. Errors: kInvalidArgument (bind
    // cannot be read), kIo (port or socket busy or forbidden, with what to do), those of load_tls().
    static base::Result<std::unique_ptr<Server>> start(ServerOptions options, Service& service);
    virtual ~Server() = default;  // closes everything

    virtual const std::string& address() const = 0;  // "127.0.0.1"; empty without a port
    virtual uint16_t port() const = 0;               // 0: only the UNIX-domain socket
    // "http://127.0.0.1:11435": where a client on this machine finds it. Without a port "http://localhost",
    // to be asked through the socket.
    virtual const std::string& url() const = 0;
    virtual const std::string& tls_warning() const = 0;  // of load_tls(), at the start
    // Keys and certificate anew, for what comes from then on; what cannot be read stays as it is. Any thread.
    virtual void reload() = 0;
    virtual void stop() = 0;  // finishes what runs; returns at once
    virtual void wait() = 0;  // until it has ended
};

}  // namespace shimmy
