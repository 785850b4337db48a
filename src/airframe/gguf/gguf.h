// GgufFile: a model file, mapped and fully checked once, at open. Versions 2 and 3, little-endian, split
// files included. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Immutable after open;
// any thread.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "airframe/gguf/metadata.h"
#include "airframe/quant/quant.h"
#include "base/mmap_file.h"
#include "base/result.h"

namespace airframe {

struct TensorInfo {
    std::string_view name;
    QuantType type;
    uint32_t n_dims;
    std::array<int64_t, 4> dims;  // elements, dims[0] contiguous (a row); unused ones are 1
    const std::byte* data;        // borrowed from the mapping
    uint64_t bytes;
    uint64_t file_offset;  // of data, from the start of its file
    uint32_t shard;        // which file of a split model

    int64_t elements() const { return dims[0] * dims[1] * dims[2] * dims[3]; }
};

class GgufFile {
  public:
    // Opens one file, or all parts when `path` names a part of a split model ("…-00001-of-0000N.gguf").
    // Errors: kNotFound, kIo, kBadFile (message names the key, tensor or offset and the value), kUnsupported
    // (version, byte order, unknown tensor type).
    static base::Result<GgufFile> open(const std::filesystem::path& path);
    // Metadata and tensor table only, of this one file: cheap enough to scan a folder of models. All checks
    // of open() are made, except that the other parts of a split model are not looked for.
    static base::Result<GgufFile> open_header(const std::filesystem::path& path);
    // A file that is in memory already, such as one embedded in the program. `bytes` is borrowed and begins
    // at a multiple of 64; `name` stands for the path in messages.
    static base::Result<GgufFile> open_memory(std::span<const std::byte> bytes, std::string name);

    const Metadata& metadata() const { return metadata_; }
    std::span<const TensorInfo> tensors() const { return tensors_; }
    const TensorInfo* find_tensor(std::string_view name) const;

    const std::filesystem::path& path() const { return path_; }
    uint32_t version() const { return version_; }
    uint64_t alignment() const { return alignment_; }
    uint64_t file_bytes() const { return file_bytes_; }  // of all parts
    uint64_t tensor_bytes() const;                       // sum over tensors
    std::span<const base::MmapFile> maps() const {
        return maps_;
    }  // one per part; none when opened from memory

  private:
    static base::Result<GgufFile> from_bytes(std::span<const std::byte> bytes, std::filesystem::path path);
    void add_part(GgufFile part);  // leaves by_name_ to the caller

    std::filesystem::path path_;  // of the first part
    uint32_t version_ = 0;
    uint64_t alignment_ = 32;
    uint64_t file_bytes_ = 0;
    std::vector<base::MmapFile> maps_;
    Metadata metadata_;  // of the first part
    std::vector<TensorInfo> tensors_;
    std::vector<uint32_t> by_name_;  // indices sorted by name
};

}  // namespace airframe
