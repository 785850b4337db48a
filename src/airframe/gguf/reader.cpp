#include "airframe/gguf/reader.h"

#include <algorithm>
#include <numeric>

#include "base/utf8.h"

namespace airframe {
namespace {

using base::ErrorCode;
using base::fail;
using base::Result;

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr uint64_t kNameBytesMax = 65535;
constexpr uint64_t kAlignmentMin =
    8;  // of the format; the largest is ours: a huge page leaves room for no mischief
constexpr uint64_t kAlignmentMax = 1 << 21;
constexpr int kArrayDepthMax = 8;
constexpr uint64_t kEntryBytesMin = 8 + 1 + 4 + 1;       // key length, key, type, value
constexpr uint64_t kTensorBytesMin = 8 + 1 + 4 + 4 + 8;  // name length, name, dimension count, type, offset
constexpr uint64_t kCountMax = 1 << 24;                  // no model comes near; indices stay 32 bits wide

struct Lookalike {
    std::string_view prefix;
    std::string_view what;
};

// What people open by mistake, by its first bytes.
constexpr Lookalike kLookalikes[] = {
    {"version https://git-lfs", "a Git LFS pointer, not the model itself: run `git lfs pull`"},
    {"<", "a web page, not a model: the download failed"},
    {"{", "JSON text, not a model"},
    {"tjgg", "in the older format GGJT: convert the model to GGUF"},
    {"lmgg", "in the older format GGML: convert the model to GGUF"},
    {"fmgg", "in the older format GGMF: convert the model to GGUF"},
    {"algg", "a LoRA adapter in the older format GGLA: convert it to GGUF"},
    {"PK\x03\x04", "a PyTorch or zip archive: convert the model to GGUF"},
};

std::unexpected<base::Error> not_gguf(std::span<const std::byte> bytes) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()),
                                std::min<size_t>(bytes.size(), 64));
    for (const Lookalike& lookalike : kLookalikes)
        if (text.starts_with(lookalike.prefix))
            return fail(ErrorCode::kBadFile, "the file is {}", lookalike.what);
    return fail(ErrorCode::kBadFile, "not a GGUF file: the first four bytes are {:02x}, not \"GGUF\"",
                fmt::join(bytes.first(std::min<size_t>(bytes.size(), 4)), " "));
}

Result<void> check_version(uint32_t version) {
    if (version == 2 || version == 3) return {};
    if ((version & 0xFFFF) == 0 && version != 0)
        return fail(ErrorCode::kUnsupported,
                    "the file is big-endian (its version field is {:#010x}); only little-endian GGUF is read",
                    version);
    if (version == 1)
        return fail(
            ErrorCode::kUnsupported,
            "GGUF version 1 is not read any more, only 2 and 3: convert the model again with a current tool");
    return fail(ErrorCode::kUnsupported, "GGUF version {} is not known; versions 2 and 3 are read", version);
}

Result<void> check_count(uint64_t count, uint64_t bytes_min, const Cursor& cursor, std::string_view what) {
    if (count > kCountMax || count > cursor.remaining() / bytes_min)
        return fail(ErrorCode::kBadFile, "the header claims {} {}, more than the {} bytes after it can hold",
                    count, what, cursor.remaining());
    return {};
}

Result<void> skip_array(Cursor& cursor, MetaType elem, uint64_t count, std::string_view what, int depth);

// The type and count that open an array; both are checked as far as they can be without walking the elements.
struct ArrayHead {
    MetaType elem;
    uint64_t count;
};
Result<ArrayHead> read_array_head(Cursor& cursor, std::string_view what) {
    TRY(const auto type, cursor.number<uint32_t>(what));
    TRY(const auto count, cursor.number<uint64_t>(what));
    const auto elem = static_cast<MetaType>(type);
    if (!is_known(elem))
        return fail(ErrorCode::kBadFile, "{} is an array of the unknown type {}", what, type);
    const uint64_t bytes_min = elem == MetaType::kArray ? 12 : elem == MetaType::kString ? 8 : bytes_of(elem);
    if (count > cursor.remaining() / bytes_min)
        return fail(ErrorCode::kBadFile,
                    "{} claims {} elements of type {} at offset {}, but only {} bytes follow", what, count,
                    name_of(elem), cursor.offset(), cursor.remaining());
    return ArrayHead{elem, count};
}

Result<void> skip_inner_arrays(Cursor& cursor, uint64_t count, std::string_view what, int depth) {
    if (depth == kArrayDepthMax)
        return fail(ErrorCode::kBadFile, "{} nests arrays more than {} deep", what, kArrayDepthMax);
    for (uint64_t i = 0; i < count; ++i) {
        TRY(const auto head, read_array_head(cursor, what));
        TRY_VOID(skip_array(cursor, head.elem, head.count, what, depth + 1));
    }
    return {};
}

Result<void> skip_array(Cursor& cursor, MetaType elem, uint64_t count, std::string_view what, int depth) {
    if (elem == MetaType::kArray) return skip_inner_arrays(cursor, count, what, depth);
    if (elem != MetaType::kString) {
        TRY_VOID(cursor.take(count * bytes_of(elem), what));
        return {};
    }
    while (count > 0 && cursor.skip_string()) --count;
    if (count > 0) TRY_VOID(cursor.string(what));  // fails, and says how
    return {};
}

Result<MetaValue> read_value(Cursor& cursor, MetaType type, std::string_view what) {
    if (type == MetaType::kString) {
        TRY(const auto text, cursor.string(what));
        return MetaValue{type, type, 1, std::as_bytes(std::span(text))};
    }
    if (type != MetaType::kArray) {
        TRY(const auto bytes, cursor.take(bytes_of(type), what));
        return MetaValue{type, type, 1, bytes};
    }
    TRY(const auto head, read_array_head(cursor, what));
    const std::byte* begin = cursor.here();
    TRY_VOID(skip_array(cursor, head.elem, head.count, what, 1));
    return MetaValue{type, head.elem, head.count, {begin, cursor.here()}};
}

Result<MetaEntry> read_entry(Cursor& cursor, uint64_t index) {
    const uint64_t offset = cursor.offset();
    TRY(const auto key, cursor.string(fmt::format("metadata key number {}", index + 1)));
    TRY_VOID(check_name(key, "metadata key", offset));
    const std::string what = fmt::format("metadata key '{}'", shown(key));
    TRY(const auto number, cursor.number<uint32_t>(what));
    const auto type = static_cast<MetaType>(number);
    if (!is_known(type))
        return fail(ErrorCode::kBadFile, "{} has the unknown value type {} at offset {}", what, number,
                    cursor.offset() - sizeof number);
    TRY(const auto value, read_value(cursor, type, what));
    return MetaEntry{key, value};
}

Result<uint64_t> alignment_of(const Metadata& metadata) {
    TRY(const auto alignment, metadata.get_int("general.alignment"));
    if (!alignment) return 32;
    const auto value = static_cast<uint64_t>(*alignment);
    if (!std::has_single_bit(value) || value < kAlignmentMin || value > kAlignmentMax)
        return fail(ErrorCode::kBadFile, "general.alignment is {}: it must be a power of two from {} to {}",
                    *alignment, kAlignmentMin, kAlignmentMax);
    return value;
}

}  // namespace

Result<void> check_name(std::string_view name, std::string_view what, uint64_t offset) {
    if (name.empty()) return fail(ErrorCode::kBadFile, "the {} at offset {} is empty", what, offset);
    if (name.size() > kNameBytesMax)
        return fail(ErrorCode::kBadFile, "the {} at offset {} has {} bytes; the limit is {}", what, offset,
                    name.size(), kNameBytesMax);
    const bool printable = std::ranges::none_of(name, [](unsigned char c) { return c < 0x20 || c == 0x7F; });
    if (!printable || !base::is_valid_utf8(name))
        return fail(ErrorCode::kBadFile, "the {} at offset {} is not printable UTF-8", what, offset);
    return {};
}

std::string shown(std::string_view name) {
    constexpr size_t kShownBytes = 100;
    if (name.size() <= kShownBytes) return std::string(name);
    const auto head = name.substr(0, kShownBytes);
    return std::string(head.substr(0, head.size() - base::incomplete_utf8_tail(head))) + "...";
}

Result<Metadata> GgufReader::read_metadata(Cursor& cursor, uint64_t count) {
    Metadata metadata;
    for (uint64_t i = 0; i < count; ++i) {
        TRY(const auto entry, read_entry(cursor, i));
        metadata.entries_.push_back(entry);
    }
    metadata.by_key_.resize(metadata.entries_.size());
    std::iota(metadata.by_key_.begin(), metadata.by_key_.end(), 0u);
    const auto key_of = [&](uint32_t index) { return metadata.entries_[index].key; };
    std::ranges::sort(metadata.by_key_, {}, key_of);
    const auto twin = std::ranges::adjacent_find(metadata.by_key_, {}, key_of);
    if (twin != metadata.by_key_.end())
        return fail(ErrorCode::kBadFile, "metadata key '{}' appears twice", shown(key_of(*twin)));
    return metadata;
}

Result<GgufContents> GgufReader::read(std::span<const std::byte> bytes) {
    Cursor cursor(bytes);
    const auto magic = cursor.number<uint32_t>("the header");
    if (!magic || *magic != kMagic) return not_gguf(bytes);
    GgufContents contents;
    TRY(contents.version, cursor.number<uint32_t>("the version"));
    TRY_VOID(check_version(contents.version));
    TRY(const auto n_tensors, cursor.number<uint64_t>("the tensor count"));
    TRY(const auto n_entries, cursor.number<uint64_t>("the metadata key count"));
    TRY_VOID(check_count(n_entries, kEntryBytesMin, cursor, "metadata keys"));
    TRY_VOID(check_count(n_tensors, kTensorBytesMin, cursor, "tensors"));
    TRY(contents.metadata, read_metadata(cursor, n_entries));
    TRY(contents.alignment, alignment_of(contents.metadata));
    TRY(contents.tensors, read_tensors(cursor, bytes, n_tensors, contents.alignment));
    return contents;
}

}  // namespace airframe
