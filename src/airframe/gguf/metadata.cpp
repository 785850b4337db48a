// Typed access to metadata values. The reader has checked every length, so the values are read as they lie.
#include "airframe/gguf/metadata.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace airframe {
namespace {

using base::ErrorCode;
using base::Result;

struct TypeRow {
    std::string_view name;
    uint32_t bytes;  // 0: no fixed size
};

// By the number of the type.
constexpr std::array<TypeRow, 13> kTypes = {{{"u8", 1},
                                             {"i8", 1},
                                             {"u16", 2},
                                             {"i16", 2},
                                             {"u32", 4},
                                             {"i32", 4},
                                             {"f32", 4},
                                             {"bool", 1},
                                             {"string", 0},
                                             {"array", 0},
                                             {"u64", 8},
                                             {"i64", 8},
                                             {"f64", 8}}};

template <class T>
T load(const std::byte* bytes) {
    T value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

// Nothing when the type is no integer, or the value exceeds an int64.
std::optional<int64_t> load_int(MetaType type, const std::byte* bytes) {
    switch (type) {
        case MetaType::kU8:
            return load<uint8_t>(bytes);
        case MetaType::kI8:
            return load<int8_t>(bytes);
        case MetaType::kU16:
            return load<uint16_t>(bytes);
        case MetaType::kI16:
            return load<int16_t>(bytes);
        case MetaType::kU32:
            return load<uint32_t>(bytes);
        case MetaType::kI32:
            return load<int32_t>(bytes);
        case MetaType::kI64:
            return load<int64_t>(bytes);
        case MetaType::kU64: {
            const auto value = load<uint64_t>(bytes);
            if (!std::in_range<int64_t>(value)) return std::nullopt;
            return static_cast<int64_t>(value);
        }
        default:
            return std::nullopt;
    }
}

std::optional<double> load_float(MetaType type, const std::byte* bytes) {
    if (type == MetaType::kF32) return load<float>(bytes);
    if (type == MetaType::kF64) return load<double>(bytes);
    if (type == MetaType::kU64) return static_cast<double>(load<uint64_t>(bytes));
    if (const auto value = load_int(type, bytes)) return static_cast<double>(*value);
    return std::nullopt;
}

std::string described(const MetaValue& value) {
    if (value.type == MetaType::kArray)
        return fmt::format("an array of {} {}", value.count, name_of(value.elem_type));
    if (const auto number = load_float(value.type, value.bytes.data()))
        return fmt::format("{} ({})", *number, name_of(value.type));
    return fmt::format("a {}", name_of(value.type));
}

std::unexpected<base::Error> wrong_kind(std::string_view key, const MetaValue& value,
                                        std::string_view wanted) {
    auto error = base::fail(ErrorCode::kBadFile, "metadata key '{}' is {}, but {} is needed", key,
                            described(value), wanted);
    error.error().param = key;
    return error;
}

// The elements of an array of numbers, each through `load_elem`.
template <class T, class Load>
std::optional<std::vector<T>> load_array(const MetaValue& value, Load load_elem) {
    if (value.type != MetaType::kArray) return std::nullopt;
    const size_t stride = bytes_of(value.elem_type);
    if (stride == 0 && value.count > 0) return std::nullopt;
    std::vector<T> out;
    out.reserve(value.count);
    for (uint64_t i = 0; i < value.count; ++i) {
        const auto elem = load_elem(value.elem_type, value.bytes.data() + i * stride);
        if (!elem) return std::nullopt;
        out.push_back(static_cast<T>(*elem));
    }
    return out;
}

}  // namespace

std::string_view name_of(MetaType type) {
    const auto number = static_cast<uint32_t>(type);
    return number < kTypes.size() ? kTypes[number].name : "unknown";
}

uint32_t bytes_of(MetaType type) {
    const auto number = static_cast<uint32_t>(type);
    return number < kTypes.size() ? kTypes[number].bytes : 0;
}

bool is_known(MetaType type) { return static_cast<uint32_t>(type) < kTypes.size(); }

const MetaValue* Metadata::find(std::string_view key) const {
    const auto key_of = [this](uint32_t index) { return entries_[index].key; };
    const auto found = std::ranges::lower_bound(by_key_, key, {}, key_of);
    return found != by_key_.end() && key_of(*found) == key ? &entries_[*found].value : nullptr;
}

Result<std::optional<int64_t>> Metadata::get_int(std::string_view key) const {
    const MetaValue* value = find(key);
    if (value == nullptr) return std::nullopt;
    const auto number = load_int(value->type, value->bytes.data());
    if (!number) return wrong_kind(key, *value, "an integer (below 2^63)");
    return number;
}

Result<std::optional<double>> Metadata::get_float(std::string_view key) const {
    const MetaValue* value = find(key);
    if (value == nullptr) return std::nullopt;
    const auto number = load_float(value->type, value->bytes.data());
    if (!number) return wrong_kind(key, *value, "a number");
    return number;
}

Result<std::optional<bool>> Metadata::get_bool(std::string_view key) const {
    const MetaValue* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->type != MetaType::kBool) return wrong_kind(key, *value, "a bool");
    return load<uint8_t>(value->bytes.data()) != 0;
}

Result<std::optional<std::string_view>> Metadata::get_string(std::string_view key) const {
    const MetaValue* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->type != MetaType::kString) return wrong_kind(key, *value, "a string");
    return std::string_view(reinterpret_cast<const char*>(value->bytes.data()), value->bytes.size());
}

Result<std::optional<std::vector<std::string_view>>> Metadata::get_strings(std::string_view key) const {
    const MetaValue* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->type != MetaType::kArray || value->elem_type != MetaType::kString)
        return wrong_kind(key, *value, "an array of strings");
    std::vector<std::string_view> out;
    out.reserve(value->count);
    const auto* at = reinterpret_cast<const char*>(value->bytes.data());
    const char* end = at + value->bytes.size();
    for (uint64_t i = 0; i < value->count; ++i) {
        const auto length = load<uint64_t>(reinterpret_cast<const std::byte*>(at));
        out.emplace_back(at + sizeof length, length);
        at += sizeof length + length;
    }
    CHECK(at == end, "'{}' was not checked by the reader", key);
    return out;
}

Result<std::optional<std::vector<float>>> Metadata::get_floats(std::string_view key) const {
    const MetaValue* value = find(key);
    if (value == nullptr) return std::nullopt;
    auto numbers = load_array<float>(*value, load_float);
    if (!numbers) return wrong_kind(key, *value, "an array of numbers");
    return numbers;
}

Result<std::optional<std::vector<int64_t>>> Metadata::get_ints(std::string_view key) const {
    const MetaValue* value = find(key);
    if (value == nullptr) return std::nullopt;
    const auto load_elem = [](MetaType type, const std::byte* bytes) {
        return type == MetaType::kBool ? load<uint8_t>(bytes) != 0 : load_int(type, bytes);
    };
    auto numbers = load_array<int64_t>(*value, load_elem);
    if (!numbers) return wrong_kind(key, *value, "an array of integers (below 2^63)");
    return numbers;
}

}  // namespace airframe
