#include "shimmy/api/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace shimmy {

using base::ErrorCode;
using base::fail;

namespace {

constexpr int kBacklog = 1024;
constexpr mode_t kMode = 0600;

// A descriptor that is closed on the way out, unless released.
class OwnedFd {
  public:
    explicit OwnedFd(int fd) : fd_(fd) {}
    OwnedFd(const OwnedFd&) = delete;
    OwnedFd& operator=(const OwnedFd&) = delete;
    ~OwnedFd() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }

  private:
    int fd_;
};

int new_socket() { return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

base::Result<sockaddr_un> address_of(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string& text = path.native();
    if (text.empty() || text.size() >= sizeof address.sun_path) {
        return fail(ErrorCode::kInvalidArgument,
                    "--unix-socket '{}': a socket's path has 1 to {} bytes, and this one has {}", text,
                    sizeof address.sun_path - 1, text.size());
    }
    std::memcpy(address.sun_path, text.data(), text.size());
    return address;
}

// Makes room for our socket where that harms nobody.
base::Result<void> remove_stale(const std::filesystem::path& path, const sockaddr_un& address) {
    struct stat found{};
    if (lstat(path.c_str(), &found) != 0) return {};
    if (!S_ISSOCK(found.st_mode)) {
        return fail(ErrorCode::kIo,
                    "--unix-socket {}: something that is no socket lies there; it was left alone",
                    path.string());
    }
    const OwnedFd probe(new_socket());
    // EAGAIN: somebody listens, with a full queue.
    const bool refused =
        connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
        errno == ECONNREFUSED;
    if (!refused) {
        return fail(
            ErrorCode::kIo,
            "--unix-socket {}: another process listens on it, perhaps another Shimmy. Stop it, or choose "
            "another path",
            path.string());
    }
    ::unlink(path.c_str());
    return {};
}

}  // namespace

SocketFile::SocketFile(std::filesystem::path path) : path_(std::move(path)) {
    struct stat found{};
    if (lstat(path_.c_str(), &found) != 0) return;
    device_ = found.st_dev;
    inode_ = found.st_ino;
}

SocketFile::~SocketFile() {
    struct stat found{};
    if (path_.empty() || lstat(path_.c_str(), &found) != 0) return;
    if (found.st_dev == device_ && found.st_ino == inode_) ::unlink(path_.c_str());
}

base::Result<UnixListener> listen_on_unix(const std::filesystem::path& path) {
    TRY(const sockaddr_un address, address_of(path));
    TRY_VOID(remove_stale(path, address));
    OwnedFd fd(new_socket());
    // Before bind(): the file never has another mode, not for a moment.
    const bool bound = fd.get() >= 0 && fchmod(fd.get(), kMode) == 0 &&
                       bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    if (!bound) return fail(ErrorCode::kIo, "--unix-socket {}: {}", path.string(), std::strerror(errno));
    UnixListener listener{-1, SocketFile(path)};
    if (listen(fd.get(), kBacklog) != 0)
        return fail(ErrorCode::kIo, "--unix-socket {}: {}", path.string(), std::strerror(errno));
    listener.fd = fd.release();
    return listener;
}

}  // namespace shimmy
