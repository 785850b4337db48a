// A bounds-checked walk over the bytes of a file. Every read says what it was for, so that a file that ends
// too early is refused by name. Borrows the bytes; one thread at a time.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/result.h"

namespace airframe {

static_assert(std::endian::native == std::endian::little, "GGUF is read as it lies in memory");

class Cursor {
  public:
    explicit Cursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

    uint64_t offset() const { return offset_; }
    uint64_t remaining() const { return bytes_.size() - offset_; }
    const std::byte* here() const { return bytes_.data() + offset_; }

    template <class T>
    base::Result<T> number(std::string_view what) {
        if (remaining() < sizeof(T)) return ends_inside(what, sizeof(T));
        T value;
        std::memcpy(&value, here(), sizeof value);
        offset_ += sizeof value;
        return value;
    }

    base::Result<std::span<const std::byte>> take(uint64_t length, std::string_view what) {
        if (length > remaining()) return ends_inside(what, length);
        const auto taken = bytes_.subspan(offset_, length);
        offset_ += length;
        return taken;
    }

    // A length of 64 bits and as many bytes.
    base::Result<std::string_view> string(std::string_view what) {
        TRY(const auto length, number<uint64_t>(what));
        TRY(const auto bytes, take(length, what));
        return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }

    // Moves behind a string; false, and where it was, when it is not all there.
    bool skip_string() {
        uint64_t length = 0;
        if (remaining() < sizeof length) return false;
        std::memcpy(&length, here(), sizeof length);
        if (length > remaining() - sizeof length) return false;
        offset_ += sizeof length + length;
        return true;
    }

  private:
    std::unexpected<base::Error> ends_inside(std::string_view what, uint64_t needed) const {
        return base::fail(
            base::ErrorCode::kBadFile,
            "{} needs {} bytes at offset {}, but the file ends at {}: it is damaged or cut short", what,
            needed, offset_, bytes_.size());
    }

    std::span<const std::byte> bytes_;
    uint64_t offset_ = 0;
};

}  // namespace airframe
