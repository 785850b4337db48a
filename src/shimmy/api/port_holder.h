// Who listens on a port already: for the error that says so.
#pragma once

#include <sys/socket.h>

#include <string>

namespace shimmy {

// "process 1234 (nginx)": the process of this machine whose listening socket keeps `address` from being
// bound. Empty where it cannot be found: it belongs to another user, or there is no /proc.
// Source: proc_pid_net(5), proc_pid_fd(5).
std::string port_holder(const sockaddr& address);

}  // namespace shimmy
