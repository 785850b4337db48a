#include "shimmy/api/listener.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "base/log.h"
#include "shimmy/api/port_holder.h"

namespace shimmy {

using base::Error;
using base::ErrorCode;
using base::fail;

namespace {

constexpr int kBacklog = 1024;
constexpr const char* kLoopback = "127.0.0.1";

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

base::Result<AddressList> resolve(const BindAddress& bind) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    // "localhost" may name ::1 first; clients that are told an address are told the common one.
    const std::string host = bind.host.empty() || bind.host == "localhost" ? kLoopback : bind.host;
    addrinfo* found = nullptr;
    const int code = getaddrinfo(host.c_str(), std::to_string(bind.port).c_str(), &hints, &found);
    if (code != 0) {
        return fail(ErrorCode::kNotFound, "cannot bind to '{}': {}; give an address such as 127.0.0.1:{}",
                    bind.host, gai_strerror(code), bind.port);
    }
    return AddressList(found, &freeaddrinfo);
}

// A listening socket, or the error number.
std::expected<int, int> try_listen(const addrinfo& address) {
    const int fd = socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return std::unexpected(errno);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
               sizeof on);  // a port whose last connections are still winding down
    if (bind(fd, address.ai_addr, address.ai_addrlen) != 0 || listen(fd, kBacklog) != 0) {
        const int error = errno;
        close(fd);
        return std::unexpected(error);
    }
    return fd;
}

Listener describe(int fd, int family) {
    sockaddr_storage bound{};
    socklen_t length = sizeof bound;
    char text[INET6_ADDRSTRLEN] = {};
    getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length);
    Listener listener{.fd = fd, .family = family, .address = {}};
    if (family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(bound);
        inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
        listener.port = ntohs(v6.sin6_port);
    } else {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(bound);
        inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
        listener.port = ntohs(v4.sin_port);
    }
    listener.address = text;
    return listener;
}

// What cannot be had, and why.
struct BindFailure {
    int error = EADDRNOTAVAIL;
    std::string holder;  // of the port, where it is known
};

std::string advice(const BindFailure& failure, const BindAddress& bind) {
    std::string host = bind.host.empty() ? kLoopback : bind.host;
    if (host.contains(':')) host = fmt::format("[{}]", host);  // as --bind takes it
    switch (failure.error) {
        case EADDRINUSE:
            return fmt::format(
                "{}:{} is already in use by {}. Stop it, choose another port, or let the system choose one: "
                "--bind {}:0",
                host, bind.port, failure.holder.empty() ? "another process" : failure.holder, host);
        case EACCES:
            return fmt::format(
                "port {} needs administrator rights; choose one above 1023, such as --bind {}:11435",
                bind.port, host);
        case EADDRNOTAVAIL:
            return fmt::format(
                "{} is not an address of this machine; use 127.0.0.1, or 0.0.0.0 for all of its own", host);
        default:
            return fmt::format("cannot listen on {}:{}: {}", host, bind.port, std::strerror(failure.error));
    }
}

base::Result<int> parse_port(std::string_view text, const std::string& whole) {
    int port = -1;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
    if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size() || port < 0 ||
        port > 65535) {
        return fail(
            ErrorCode::kInvalidArgument,
            "cannot bind to '{}': expected address:port with a port of 0 to 65535, such as 127.0.0.1:{}",
            whole, 11435);
    }
    return port;
}

}  // namespace

base::Result<BindAddress> parse_bind(const std::string& text) {
    const size_t colon = text.rfind(':');
    const bool bare_v6 = colon != std::string::npos && text.find(':') != colon && !text.starts_with('[');
    if (bare_v6) {
        return fail(ErrorCode::kInvalidArgument,
                    "cannot bind to '{}': write an IPv6 address in brackets, as in [::1]:11435", text);
    }
    TRY(const int port,
        parse_port(std::string_view(text).substr(colon == std::string::npos ? 0 : colon + 1), text));
    std::string host = colon == std::string::npos ? "" : text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    return BindAddress{std::move(host), static_cast<uint16_t>(port)};
}

base::Result<Listener> listen_on(const BindAddress& bind) {
    TRY(const AddressList addresses, resolve(bind));
    BindFailure failure;
    for (const addrinfo* each = addresses.get(); each != nullptr; each = each->ai_next) {
        const auto fd = try_listen(*each);
        if (fd) return describe(*fd, each->ai_family);
        failure.error = fd.error();
        if (failure.error == EADDRINUSE) failure.holder = port_holder(*each->ai_addr);
    }
    return std::unexpected(Error{ErrorCode::kIo, advice(failure, bind), "bind", {}});
}

base::Result<Listener> listen_on_loopback(uint16_t first, uint16_t last) {
    for (int port = first; port <= last; ++port) {
        if (auto listener = listen_on({kLoopback, static_cast<uint16_t>(port)})) return listener;
        base::log_info("port {} is in use, perhaps by another Shimmy; trying the next one", port);
    }
    return listen_on({kLoopback, 0});
}

}  // namespace shimmy
