// The tensor records of a GGUF file: shapes, types and places, checked against each other and the file's
// size.
#include <algorithm>
#include <limits>
#include <numeric>

#include "airframe/gguf/reader.h"

namespace airframe {
namespace {

using base::ErrorCode;
using base::fail;
using base::Result;

struct Record {
    TensorInfo info;
    uint64_t offset;  // from the start of the data section
};

Result<void> read_dims(Cursor& cursor, TensorInfo& info, std::string_view what) {
    TRY(info.n_dims, cursor.number<uint32_t>(what));
    if (info.n_dims > info.dims.size())
        return fail(ErrorCode::kBadFile, "{} has {} dimensions; at most {} are possible", what, info.n_dims,
                    info.dims.size());
    info.dims.fill(1);
    int64_t elements = 1;
    for (uint32_t i = 0; i < info.n_dims; ++i) {
        TRY(const auto dim, cursor.number<uint64_t>(what));
        if (dim == 0 || dim > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
            return fail(ErrorCode::kBadFile, "dimension {} of {} is {}: it must be from 1 to 2^63-1", i, what,
                        dim);
        info.dims[i] = static_cast<int64_t>(dim);
        if (__builtin_mul_overflow(elements, info.dims[i], &elements))
            return fail(ErrorCode::kBadFile,
                        "the dimensions [{}] of {} multiply to more than 2^63-1 elements",
                        fmt::join(std::span(info.dims).first(info.n_dims), ", "), what);
    }
    return {};
}

// Sets the type and the size in bytes.
Result<void> read_type(Cursor& cursor, TensorInfo& info, std::string_view what) {
    TRY(const auto number, cursor.number<uint32_t>(what));
    const QuantTraits* quant = find_quant(number);
    if (quant == nullptr)
        return fail(ErrorCode::kUnsupported,
                    "{} has the type number {}, which is unknown here or was removed from the format", what,
                    number);
    info.type = quant->type;
    if (info.dims[0] % quant->block_elems != 0)
        return fail(ErrorCode::kBadFile, "{} of type {} has rows of {} elements, not a multiple of {}", what,
                    quant->name, info.dims[0], quant->block_elems);
    if (__builtin_mul_overflow(static_cast<uint64_t>(info.elements() / quant->block_elems),
                               static_cast<uint64_t>(quant->block_bytes), &info.bytes))
        return fail(ErrorCode::kBadFile, "{} of {} elements of type {} is larger than 2^64 bytes", what,
                    info.elements(), quant->name);
    return {};
}

Result<Record> read_record(Cursor& cursor, uint64_t index, uint64_t alignment) {
    Record record{};
    TensorInfo& info = record.info;
    const uint64_t begin = cursor.offset();
    TRY(info.name, cursor.string(fmt::format("tensor record number {}", index + 1)));
    TRY_VOID(check_name(info.name, "tensor name", begin));
    const std::string what = fmt::format("tensor '{}'", shown(info.name));
    TRY_VOID(read_dims(cursor, info, what));
    TRY_VOID(read_type(cursor, info, what));
    TRY(record.offset, cursor.number<uint64_t>(what));
    if (record.offset % alignment != 0)
        return fail(ErrorCode::kBadFile, "{} lies at offset {}, which is not a multiple of the alignment {}",
                    what, record.offset, alignment);
    return record;
}

// Sets data and file_offset.
Result<void> place(Record& record, std::span<const std::byte> file, uint64_t data_begin) {
    TensorInfo& info = record.info;
    const uint64_t room = file.size() > data_begin ? file.size() - data_begin : 0;
    if (record.offset > room || info.bytes > room - record.offset)
        return fail(ErrorCode::kBadFile,
                    "tensor '{}' needs {} bytes at offset {} of the data, but the file has only {} there: it "
                    "is cut short or "
                    "damaged",
                    shown(info.name), info.bytes, record.offset, room);
    info.file_offset = data_begin + record.offset;
    info.data = file.data() + info.file_offset;
    return {};
}

Result<void> check_overlaps(const std::vector<TensorInfo>& tensors) {
    std::vector<uint32_t> order(tensors.size());
    std::iota(order.begin(), order.end(), 0u);
    std::ranges::sort(order, {}, [&](uint32_t index) { return tensors[index].file_offset; });
    for (size_t i = 1; i < order.size(); ++i) {
        const TensorInfo &low = tensors[order[i - 1]], &high = tensors[order[i]];
        if (low.file_offset + low.bytes > high.file_offset)
            return fail(ErrorCode::kBadFile, "tensors '{}' and '{}' overlap at offset {}", shown(low.name),
                        shown(high.name), high.file_offset);
    }
    return {};
}

}  // namespace

Result<std::vector<TensorInfo>> read_tensors(Cursor& cursor, std::span<const std::byte> file, uint64_t count,
                                             uint64_t alignment) {
    std::vector<Record> records;
    for (uint64_t i = 0; i < count; ++i) {
        TRY(const auto record, read_record(cursor, i, alignment));
        records.push_back(record);
    }
    const uint64_t data_begin = (cursor.offset() + alignment - 1) / alignment * alignment;
    std::vector<TensorInfo> tensors;
    tensors.reserve(records.size());
    for (Record& record : records) {
        TRY_VOID(place(record, file, data_begin));
        tensors.push_back(record.info);
    }
    TRY_VOID(check_overlaps(tensors));
    return tensors;
}

}  // namespace airframe
