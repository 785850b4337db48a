// GgufWriter: makes GGUF files (version 3, little-endian). Metadata and the table of tensors are given first,
// then the tensors' bytes follow in the order of the table, in pieces of any size, so that a file may be
// larger than memory. The same calls give the same bytes. One thread.
//
//   GgufWriter writer;
//   writer.add("general.architecture", "llama");
//   writer.add_tensor("output_norm.weight", QuantType::kF32, {{2048}});
//   TRY_VOID(writer.open("model.gguf"));
//   TRY_VOID(writer.write(bytes));
//   TRY_VOID(writer.close());
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "airframe/gguf/metadata.h"
#include "airframe/quant/quant_type.h"
#include "base/result.h"

namespace airframe {

class GgufWriter {
  public:
    // `alignment` is a power of two from 8 to 2 MiB; other than 32 it is written into the metadata.
    explicit GgufWriter(uint64_t alignment = 32);
    // A file that was not closed is incomplete and is removed.
    ~GgufWriter();
    GgufWriter(const GgufWriter&) = delete;
    GgufWriter& operator=(const GgufWriter&) = delete;

    // Scalars by the type of the value: the fixed-width integers, float, double and bool.
    template <class T>
        requires std::is_arithmetic_v<T>
    void add(std::string_view key, T value) {
        add_raw(key, meta_type_of<T>(), std::as_bytes(std::span(&value, 1)));
    }
    void add(std::string_view key, std::string_view value);
    void add(std::string_view key, const char* value) { add(key, std::string_view(value)); }
    template <class T>
    void add_array(std::string_view key, std::span<const T> values) {
        add_raw_array(key, meta_type_of<T>(), values.size(), std::as_bytes(values));
    }
    void add_array(std::string_view key, std::span<const std::string_view> values);
    void add_array(std::string_view key, std::span<const std::string> values);
    // A value of another file, unchanged.
    void add(std::string_view key, const MetaValue& value);

    // REQUIRES: 1 to 4 dimensions of at least 1; dims[0], the row, is a multiple of the type's block.
    void add_tensor(std::string_view name, QuantType type, std::span<const int64_t> dims);

    // Writes everything before the tensors' bytes. Nothing can be added after. Errors: kIo, kInvalidArgument
    // (a key or a tensor name was added twice).
    base::Result<void> open(const std::filesystem::path& path);
    // The next bytes of the tensors, in the order in which they were added; padding between them is the
    // writer's job. Errors: kIo, kInvalidArgument (more bytes than the tensors have).
    base::Result<void> write(std::span<const std::byte> bytes);
    // Errors: kIo, kInvalidArgument (bytes are missing: names the tensor).
    base::Result<void> close();

    // Bytes of the whole file.
    uint64_t file_bytes() const;

  private:
    struct Tensor {
        std::string name;
        uint64_t bytes;
        uint64_t offset;  // in the data section
    };
    struct FileCloser {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };

    template <class T>
    static constexpr MetaType meta_type_of();
    void add_key(std::string_view key, MetaType type);
    void add_raw(std::string_view key, MetaType type, std::span<const std::byte> bytes);
    void add_raw_array(std::string_view key, MetaType elem, uint64_t count, std::span<const std::byte> bytes);
    base::Result<void> check_names() const;
    uint64_t header_bytes() const;  // with the padding before the data
    base::Result<void> put(std::span<const std::byte> bytes);

    uint64_t alignment_;
    std::vector<std::string> keys_;
    std::string metadata_;  // encoded
    std::vector<Tensor> tensors_;
    std::string table_;  // of tensors, encoded
    uint64_t data_bytes_ = 0;

    std::filesystem::path path_;
    std::unique_ptr<std::FILE, FileCloser> file_;
    size_t tensor_ = 0;         // the one being written
    uint64_t tensor_done_ = 0;  // its bytes written so far
};

template <class T>
constexpr MetaType GgufWriter::meta_type_of() {
    if constexpr (std::is_same_v<T, bool>)
        return MetaType::kBool;
    else if constexpr (std::is_same_v<T, float>)
        return MetaType::kF32;
    else if constexpr (std::is_same_v<T, double>)
        return MetaType::kF64;
    else if constexpr (std::is_same_v<T, uint8_t>)
        return MetaType::kU8;
    else if constexpr (std::is_same_v<T, int8_t>)
        return MetaType::kI8;
    else if constexpr (std::is_same_v<T, uint16_t>)
        return MetaType::kU16;
    else if constexpr (std::is_same_v<T, int16_t>)
        return MetaType::kI16;
    else if constexpr (std::is_same_v<T, uint32_t>)
        return MetaType::kU32;
    else if constexpr (std::is_same_v<T, int32_t>)
        return MetaType::kI32;
    else if constexpr (std::is_same_v<T, uint64_t>)
        return MetaType::kU64;
    else if constexpr (std::is_same_v<T, int64_t>)
        return MetaType::kI64;
    else
        static_assert(sizeof(T) == 0, "no type of the format");
}

}  // namespace airframe
