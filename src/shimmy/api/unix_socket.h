// A listening UNIX-domain socket and its file. Only the user who started the server may connect.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <utility>

#include "base/result.h"

namespace shimmy {

// The file of a socket of ours: removed at the end, unless another one lies there by then. To be dropped
// before the socket is closed: from then on another file may have the same number.
class SocketFile {
  public:
    SocketFile() = default;
    explicit SocketFile(std::filesystem::path path);  // REQUIRES: we have just bound it
    SocketFile(SocketFile&& other) noexcept { swap(other); }
    SocketFile& operator=(SocketFile&& other) noexcept {
        swap(other);
        return *this;
    }
    ~SocketFile();

    const std::filesystem::path& path() const { return path_; }

  private:
    void swap(SocketFile& other) noexcept {
        std::swap(path_, other.path_);
        std::swap(device_, other.device_);
        std::swap(inode_, other.inode_);
    }

    std::filesystem::path path_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

struct UnixListener {
    int fd = -1;  // the caller's to close
    SocketFile file;
};

// Creates the socket file, mode 0600. One that a server left behind when it was killed is replaced; a socket
// that somebody listens on, and what is no socket, stays. Errors: kInvalidArgument (the path is too long),
// kIo.
base::Result<UnixListener> listen_on_unix(const std::filesystem::path& path);

}  // namespace shimmy
