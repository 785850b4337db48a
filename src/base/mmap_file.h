// A whole file mapped read-only into memory. Move-only; unmapped on destruction. Immutable, any thread.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "base/result.h"

namespace base {

class MmapFile {
  public:
    // Errors: kNotFound (no such file), kIo (with the system's reason), kBadFile (a directory, or empty).
    static Result<MmapFile> open(const std::filesystem::path& path);

    MmapFile() = default;
    MmapFile(MmapFile&& other) noexcept;
    MmapFile& operator=(MmapFile&& other) noexcept;
    ~MmapFile();

    std::span<const std::byte> bytes() const { return {data_, size_}; }

    // Tells the kernel that the range will be read soon; errors are ignored, it is only a hint.
    void will_need(size_t offset_bytes, size_t length_bytes) const;

  private:
    const std::byte* data_ = nullptr;
    size_t size_ = 0;
};

}  // namespace base
