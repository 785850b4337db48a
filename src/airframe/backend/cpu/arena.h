// Scratch memory of one thread for the length of one op: taken piece by piece, given back all at once. It
// grows to the largest op seen and then allocates no more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "base/check.h"

namespace airframe::cpu {

class Arena {
  public:
    // Uninitialised, aligned to a cache line; valid until reset().
    template <class T>
    T* take(int64_t count) {
        CHECK(count >= 0, "count = {}", count);
        const size_t bytes = (static_cast<size_t>(count) * sizeof(T) + kAlign - 1) / kAlign * kAlign;
        if (chunks_.empty() || chunks_.back().size - used_ < bytes) grow(bytes);
        std::byte* at = chunks_.back().memory.get() + used_;
        used_ += bytes;
        return reinterpret_cast<T*>(at);
    }

    void reset() {
        if (chunks_.size() > 1) {  // one chunk for all of it from now on
            size_t total = 0;
            for (const Chunk& chunk : chunks_) total += chunk.size;
            chunks_.clear();
            grow(total);
        }
        used_ = 0;
    }

  private:
    static constexpr size_t kAlign = 64;
    struct Free {
        void operator()(std::byte* p) const { ::operator delete(p, std::align_val_t(kAlign)); }
    };
    struct Chunk {
        std::unique_ptr<std::byte, Free> memory;
        size_t size;
    };

    void grow(size_t bytes) {
        chunks_.push_back({std::unique_ptr<std::byte, Free>(
                               static_cast<std::byte*>(::operator new(bytes, std::align_val_t(kAlign)))),
                           bytes});
        used_ = 0;
    }

    std::vector<Chunk> chunks_;
    size_t used_ = 0;  // of the last chunk
};

}  // namespace airframe::cpu
