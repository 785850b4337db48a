// GgufReader: the bytes of one GGUF file to checked metadata and tensors. Knows no files, so that it can be
// given any bytes. Every count, length, product and offset is compared with the bytes that are there before
// it is used; memory grows with what the file really holds, never with what it claims. Stateless, any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "airframe/gguf/cursor.h"
#include "airframe/gguf/gguf.h"
#include "airframe/gguf/metadata.h"
#include "base/result.h"

namespace airframe {

// Borrows from the bytes it was read from.
struct GgufContents {
    uint32_t version = 0;
    uint64_t alignment = 0;
    Metadata metadata;
    std::vector<TensorInfo> tensors;  // in file order, shard 0
};

class GgufReader {
  public:
    // Errors: kBadFile, kUnsupported (version, byte order, unknown tensor type); messages do not name the
    // file.
    static base::Result<GgufContents> read(std::span<const std::byte> bytes);

  private:
    static base::Result<Metadata> read_metadata(Cursor& cursor, uint64_t count);
};

// The tensor records at the cursor, checked against each other and against the bytes of the whole file.
base::Result<std::vector<TensorInfo>> read_tensors(Cursor& cursor, std::span<const std::byte> file,
                                                   uint64_t count, uint64_t alignment);

// Checks that `name` can stand in messages and listings: not empty, not over 65535 bytes, UTF-8 without
// control characters. `what` is "metadata key" or "tensor name".
base::Result<void> check_name(std::string_view name, std::string_view what, uint64_t offset);

// A name as messages show it: cut when long.
std::string shown(std::string_view name);

}  // namespace airframe
