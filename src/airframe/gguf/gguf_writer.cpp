#include "airframe/gguf/gguf_writer.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "airframe/quant/quant.h"
#include "base/check.h"

namespace airframe {
namespace {

using base::ErrorCode;
using base::fail;
using base::Result;

template <class T>
void append(std::string& out, T value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_text(std::string& out, std::string_view text) {
    append(out, uint64_t{text.size()});
    out += text;
}

void append_bytes(std::string& out, std::span<const std::byte> bytes) {
    out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

uint64_t round_up(uint64_t value, uint64_t alignment) {
    return (value + alignment - 1) / alignment * alignment;
}

std::span<const std::byte> bytes_of_text(std::string_view text) { return std::as_bytes(std::span(text)); }

Result<void> check_distinct(std::vector<std::string_view> names, std::string_view what) {
    std::ranges::sort(names);
    const auto twin = std::ranges::adjacent_find(names);
    if (twin != names.end())
        return fail(ErrorCode::kInvalidArgument, "the {} '{}' was added twice", what, *twin);
    return {};
}

}  // namespace

GgufWriter::GgufWriter(uint64_t alignment) : alignment_(alignment) {
    CHECK(std::has_single_bit(alignment) && alignment >= 8 && alignment <= (1 << 21), "alignment {}",
          alignment);
    if (alignment != 32) add("general.alignment", static_cast<uint32_t>(alignment));
}

GgufWriter::~GgufWriter() {
    if (!file_) return;
    file_.reset();
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
}

void GgufWriter::add_key(std::string_view key, MetaType type) {
    CHECK(!file_, "'{}' was added after open()", key);
    keys_.emplace_back(key);
    append_text(metadata_, key);
    append(metadata_, static_cast<uint32_t>(type));
}

void GgufWriter::add_raw(std::string_view key, MetaType type, std::span<const std::byte> bytes) {
    add_key(key, type);
    append_bytes(metadata_, bytes);
}

void GgufWriter::add_raw_array(std::string_view key, MetaType elem, uint64_t count,
                               std::span<const std::byte> bytes) {
    add_key(key, MetaType::kArray);
    append(metadata_, static_cast<uint32_t>(elem));
    append(metadata_, count);
    append_bytes(metadata_, bytes);
}

void GgufWriter::add(std::string_view key, std::string_view value) {
    add_key(key, MetaType::kString);
    append_text(metadata_, value);
}

void GgufWriter::add_array(std::string_view key, std::span<const std::string_view> values) {
    std::string encoded;
    for (const std::string_view value : values) append_text(encoded, value);
    add_raw_array(key, MetaType::kString, values.size(), bytes_of_text(encoded));
}

void GgufWriter::add_array(std::string_view key, std::span<const std::string> values) {
    const std::vector<std::string_view> views(values.begin(), values.end());
    add_array(key, std::span(views));
}

void GgufWriter::add(std::string_view key, const MetaValue& value) {
    if (value.type == MetaType::kArray)
        add_raw_array(key, value.elem_type, value.count, value.bytes);
    else if (value.type == MetaType::kString)
        add(key, std::string_view(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size()));
    else
        add_raw(key, value.type, value.bytes);
}

void GgufWriter::add_tensor(std::string_view name, QuantType type, std::span<const int64_t> dims) {
    CHECK(!file_, "tensor '{}' was added after open()", name);
    CHECK(!dims.empty() && dims.size() <= 4, "tensor '{}' has {} dimensions", name, dims.size());
    CHECK(dims[0] % traits(type).block_elems == 0, "tensor '{}': a row of {} is no multiple of a block", name,
          dims[0]);
    append_text(table_, name);
    append(table_, static_cast<uint32_t>(dims.size()));
    uint64_t bytes = static_cast<uint64_t>(row_bytes(type, dims[0]));
    for (size_t i = 0; i < dims.size(); ++i) {
        CHECK(dims[i] > 0, "dimension {} of tensor '{}' is {}", i, name, dims[i]);
        append(table_, static_cast<uint64_t>(dims[i]));
        if (i > 0) bytes *= static_cast<uint64_t>(dims[i]);
    }
    append(table_, static_cast<uint32_t>(type));
    append(table_, data_bytes_);
    tensors_.push_back({std::string(name), bytes, data_bytes_});
    data_bytes_ += round_up(bytes, alignment_);
}

Result<void> GgufWriter::check_names() const {
    TRY_VOID(check_distinct({keys_.begin(), keys_.end()}, "metadata key"));
    std::vector<std::string_view> names;
    names.reserve(tensors_.size());
    for (const Tensor& tensor : tensors_) names.push_back(tensor.name);
    return check_distinct(std::move(names), "tensor");
}

uint64_t GgufWriter::header_bytes() const {
    constexpr uint64_t kFixedBytes = 4 + 4 + 8 + 8;  // magic, version, two counts
    return round_up(kFixedBytes + metadata_.size() + table_.size(), alignment_);
}

uint64_t GgufWriter::file_bytes() const { return header_bytes() + data_bytes_; }

Result<void> GgufWriter::open(const std::filesystem::path& path) {
    CHECK(!file_, "opened twice");
    TRY_VOID(check_names());
    file_.reset(std::fopen(path.c_str(), "wb"));
    if (!file_) return fail(ErrorCode::kIo, "cannot write {}: {}", path.string(), std::strerror(errno));
    path_ = path;
    std::string head = "GGUF";
    append(head, uint32_t{3});
    append(head, uint64_t{tensors_.size()});
    append(head, uint64_t{keys_.size()});
    head += metadata_;
    head += table_;
    head.resize(header_bytes());
    return put(bytes_of_text(head));
}

Result<void> GgufWriter::write(std::span<const std::byte> bytes) {
    CHECK(file_ != nullptr, "write() before open()");
    while (!bytes.empty()) {
        if (tensor_ == tensors_.size())
            return fail(ErrorCode::kInvalidArgument, "{}: {} bytes more than the tensors have",
                        path_.string(), bytes.size());
        const Tensor& tensor = tensors_[tensor_];
        const auto piece = bytes.first(std::min<uint64_t>(bytes.size(), tensor.bytes - tensor_done_));
        TRY_VOID(put(piece));
        tensor_done_ += piece.size();
        bytes = bytes.subspan(piece.size());
        if (tensor_done_ < tensor.bytes) continue;
        const uint64_t end = tensor.offset + tensor.bytes;
        TRY_VOID(put(bytes_of_text(std::string(round_up(end, alignment_) - end, '\0'))));
        ++tensor_;
        tensor_done_ = 0;
    }
    return {};
}

Result<void> GgufWriter::close() {
    CHECK(file_ != nullptr, "close() before open()");
    if (tensor_ < tensors_.size())
        return fail(ErrorCode::kInvalidArgument, "{}: tensor '{}' got {} of {} bytes", path_.string(),
                    tensors_[tensor_].name, tensor_done_, tensors_[tensor_].bytes);
    if (std::fflush(file_.get()) != 0)
        return fail(ErrorCode::kIo, "cannot write {}: {}", path_.string(), std::strerror(errno));
    std::fclose(file_.release());
    return {};
}

Result<void> GgufWriter::put(std::span<const std::byte> bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size())
        return fail(ErrorCode::kIo, "cannot write {}: {}", path_.string(), std::strerror(errno));
    return {};
}

}  // namespace airframe
