// Listener: a bound and listening socket, bound once: nobody can take the port between looking and binding.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace shimmy {

struct BindAddress {
    std::string host;  // name or address; empty: loopback
    uint16_t port = 0;
};
// Errors: kInvalidArgument saying what is expected.
base::Result<BindAddress> parse_bind(const std::string& text);

struct Listener {
    int fd = -1;     // the caller's to close
    int family = 0;  // AF_INET or AF_INET6
    std::string address;
    uint16_t port = 0;
};
// Exactly this address. Errors: kIo (busy, forbidden, not of this machine), kNotFound (unknown host name).
base::Result<Listener> listen_on(const BindAddress& bind);
// The first free port of [first, last] on loopback, else any free one.
base::Result<Listener> listen_on_loopback(uint16_t first, uint16_t last);

}  // namespace shimmy
