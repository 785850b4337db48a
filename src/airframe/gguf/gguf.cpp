#include "airframe/gguf/gguf.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "airframe/gguf/reader.h"
#include "airframe/gguf/split.h"
#include "base/check.h"

namespace airframe {
namespace {

using base::ErrorCode;
using base::fail;
using base::Result;

std::unexpected<base::Error> in_file(base::Error error, const std::filesystem::path& path) {
    error.message = fmt::format("{}: {}", path.string(), error.message);
    return std::unexpected(std::move(error));
}

// Indices of the tensors sorted by name. Errors: kBadFile when two have the same name.
Result<std::vector<uint32_t>> sorted_by_name(std::span<const TensorInfo> tensors) {
    std::vector<uint32_t> order(tensors.size());
    std::iota(order.begin(), order.end(), 0u);
    const auto name_at = [&](uint32_t index) { return tensors[index].name; };
    std::ranges::sort(order, {}, name_at);
    const auto twin = std::ranges::adjacent_find(order, {}, name_at);
    if (twin != order.end())
        return fail(ErrorCode::kBadFile, "two tensors have the name '{}'", shown(name_at(*twin)));
    return order;
}

// Part `no` of the split model of which `any_part` is one.
Result<GgufFile> open_part(const std::filesystem::path& any_part, uint32_t no, uint32_t count) {
    const auto path = part_path(any_part, no, count);
    if (!path)
        return fail(ErrorCode::kBadFile,
                    "{} is one part of a model split into {} files, but its name does not end in "
                    "\"-NNNNN-of-{:05}.gguf\", "
                    "so the other parts cannot be found: give the files their original names",
                    any_part.string(), count, count);
    auto part = GgufFile::open_header(*path);
    if (!part && part.error().code == ErrorCode::kNotFound)
        return fail(ErrorCode::kNotFound, "part {} of {} of the model is missing: there is no {}", no + 1,
                    count, path->string());
    if (!part) return part;
    TRY(const auto split, split_of(part->metadata()));
    if (!split || split->no != no || split->count != count)
        return fail(ErrorCode::kBadFile, "{} should be part {} of {}, but says that it is part {} of {}",
                    path->string(), no + 1, count, split ? split->no + 1 : 1, split ? split->count : 1);
    return part;
}

}  // namespace

Result<GgufFile> GgufFile::from_bytes(std::span<const std::byte> bytes, std::filesystem::path path) {
    auto contents = GgufReader::read(bytes);
    if (!contents) return in_file(std::move(contents).error(), path);
    auto order = sorted_by_name(contents->tensors);
    if (!order) return in_file(std::move(order).error(), path);
    GgufFile file;
    file.path_ = std::move(path);
    file.version_ = contents->version;
    file.alignment_ = contents->alignment;
    file.file_bytes_ = bytes.size();
    file.metadata_ = std::move(contents->metadata);
    file.tensors_ = std::move(contents->tensors);
    file.by_name_ = *std::move(order);
    return file;
}

Result<GgufFile> GgufFile::open_memory(std::span<const std::byte> bytes, std::string name) {
    CHECK(reinterpret_cast<uintptr_t>(bytes.data()) % 64 == 0, "a file in memory must be aligned");
    return from_bytes(bytes, std::move(name));
}

Result<GgufFile> GgufFile::open_header(const std::filesystem::path& path) {
    TRY(auto map, base::MmapFile::open(path));
    TRY(auto file, from_bytes(map.bytes(), path));
    file.maps_.push_back(std::move(map));
    return file;
}

Result<GgufFile> GgufFile::open(const std::filesystem::path& path) {
    TRY(auto asked, open_header(path));
    auto split = split_of(asked.metadata());
    if (!split) return in_file(std::move(split).error(), path);
    if (!*split) return asked;
    const SplitInfo whole = **split;
    TRY(auto model, open_part(path, 0, whole.count));
    for (uint32_t no = 1; no < whole.count; ++no) {
        TRY(auto part, open_part(path, no, whole.count));
        model.add_part(std::move(part));
    }
    auto order = sorted_by_name(model.tensors_);
    if (!order) return in_file(std::move(order).error(), path);
    model.by_name_ = *std::move(order);
    if (whole.n_tensors != 0 && whole.n_tensors != model.tensors_.size())
        return fail(ErrorCode::kBadFile, "{}: the {} parts hold {} tensors, but split.tensors.count is {}",
                    path.string(), whole.count, model.tensors_.size(), whole.n_tensors);
    return model;
}

void GgufFile::add_part(GgufFile part) {
    for (TensorInfo& tensor : part.tensors_) {
        tensor.shard = static_cast<uint32_t>(maps_.size());
        tensors_.push_back(tensor);
    }
    file_bytes_ += part.file_bytes_;
    maps_.push_back(std::move(part.maps_.front()));
}

const TensorInfo* GgufFile::find_tensor(std::string_view name) const {
    const auto name_at = [this](uint32_t index) { return tensors_[index].name; };
    const auto found = std::ranges::lower_bound(by_name_, name, {}, name_at);
    return found != by_name_.end() && name_at(*found) == name ? &tensors_[*found] : nullptr;
}

uint64_t GgufFile::tensor_bytes() const {
    return std::accumulate(tensors_.begin(), tensors_.end(), uint64_t{0},
                           [](uint64_t sum, const TensorInfo& tensor) { return sum + tensor.bytes; });
}

}  // namespace airframe
