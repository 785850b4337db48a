#include "shimmy/api/port_holder.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "base/log.h"

namespace shimmy {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kListening = "0A";  // the state TCP_LISTEN
constexpr size_t kNameCharsMax = 40;           // the kernel's limit is shorter

// Address and port as /proc/net/tcp writes them: each 32-bit word of the address as this machine reads it.
struct TableAddress {
    std::string address, port;
};

bool is_any(std::string_view address) { return address.find_first_not_of('0') == std::string_view::npos; }

TableAddress table_address(const sockaddr& address) {
    uint32_t words[4] = {};
    size_t count = 1;
    uint16_t port = 0;
    if (address.sa_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &address, sizeof v6);
        std::memcpy(words, &v6.sin6_addr, sizeof words);
        port = ntohs(v6.sin6_port);
        count = 4;
    } else {
        sockaddr_in v4{};
        std::memcpy(&v4, &address, sizeof v4);
        words[0] = v4.sin_addr.s_addr;
        port = ntohs(v4.sin_port);
    }
    TableAddress out{{}, fmt::format("{:04X}", port)};
    for (size_t i = 0; i < count; ++i) out.address += fmt::format("{:08X}", words[i]);
    return out;
}

// The links that name, in /proc/PID/fd, the listening sockets in the way of `wanted`.
void add_sockets(const char* table, const TableAddress& wanted, std::set<std::string>& links) {
    std::ifstream file(table);
    std::string line;
    std::getline(file, line);  // the head
    // Slot, local and remote address, state, queues, timer, retransmits, user, timeout, inode.
    std::string slot, local, remote, state, queues, timer, retransmits, user, timeout, inode;
    while (file >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> user >> timeout >>
           inode) {
        std::getline(file, line);
        const size_t colon = local.find(':');
        if (state != kListening || colon == std::string::npos || local.substr(colon + 1) != wanted.port)
            continue;
        const std::string address = local.substr(0, colon);
        if (address == wanted.address || is_any(address) || is_any(wanted.address)) {
            links.insert(fmt::format("socket:[{}]", inode));
        }
    }
}

bool holds_one_of(const fs::path& process, const std::set<std::string>& links) {
    std::error_code error;  // another user's process, or one that has just ended
    for (fs::directory_iterator each(process / "fd", error), end; !error && each != end;
         each.increment(error)) {
        std::error_code gone;
        if (links.contains(fs::read_symlink(each->path(), gone).string())) return true;
    }
    return false;
}

}  // namespace

std::string port_holder(const sockaddr& address) {
    std::set<std::string> links;
    const TableAddress wanted = table_address(address);
    for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) add_sockets(table, wanted, links);
    if (links.empty()) return {};
    std::error_code error;
    for (fs::directory_iterator each("/proc", error), end; !error && each != end; each.increment(error)) {
        const std::string pid = each->path().filename().string();
        if (!std::ranges::all_of(pid, [](char c) { return c >= '0' && c <= '9'; })) continue;
        if (!holds_one_of(each->path(), links)) continue;
        std::string name;
        std::ifstream file(each->path() / "comm");
        std::getline(file, name);
        return fmt::format("process {} ({})", pid, base::printable(name, kNameCharsMax));
    }
    return {};
}

}  // namespace shimmy
