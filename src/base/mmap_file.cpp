#include "base/mmap_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace base {

Result<MmapFile> MmapFile::open(const std::filesystem::path& path) {
    const int fd =
        ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a FIFO must not block the opener
    if (fd < 0) {
        const auto code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
        return fail(code, "cannot open {}: {}", path.string(), std::strerror(errno));
    }
    struct stat info{};
    const bool known = ::fstat(fd, &info) == 0;
    const bool regular = known && S_ISREG(info.st_mode);
    if (!regular || info.st_size == 0) {
        ::close(fd);
        return fail(ErrorCode::kBadFile, "{} is {}", path.string(),
                    regular ? "an empty file" : "not a regular file");
    }
    const auto size = static_cast<size_t>(info.st_size);
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
    const int reason = errno;
    ::close(fd);
    if (address == MAP_FAILED)
        return fail(ErrorCode::kIo, "cannot map {} ({} bytes): {}", path.string(), size,
                    std::strerror(reason));
    MmapFile file;
    file.data_ = static_cast<const std::byte*>(address);
    file.size_ = size;
    return file;
}

MmapFile::MmapFile(MmapFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MmapFile& MmapFile::operator=(MmapFile&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

MmapFile::~MmapFile() {
    if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

void MmapFile::will_need(size_t offset_bytes, size_t length_bytes) const {
    const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    if (offset_bytes >= size_) return;
    const size_t begin = offset_bytes / page * page;
    const size_t end = std::min(size_, offset_bytes + length_bytes);
    ::madvise(const_cast<std::byte*>(data_) + begin, end - begin, MADV_WILLNEED);
}

}  // namespace base
