#include "airframe/model/keys.h"

#include <cmath>

namespace airframe {

using base::ErrorCode;
using base::fail;
using base::Result;

Result<std::optional<uint32_t>> Keys::count(std::string_view key, uint32_t low, uint32_t high) const {
    const std::string name = full(key);
    const MetaValue* value = metadata_.find(name);
    if (value == nullptr) return std::nullopt;
    int64_t n = 0;
    if (value->type == MetaType::kArray) {
        TRY(const auto values, metadata_.get_ints(name));
        if (values->empty()) return fail(ErrorCode::kBadFile, "{} is an empty list; it needs a number", name);
        for (const int64_t each : *values)
            if (each != values->front())
                return fail(ErrorCode::kUnsupported,
                            "{} differs from layer to layer ({} and {}), which is not supported", name,
                            values->front(), each);
        n = values->front();
    } else {
        TRY(const auto read, metadata_.get_int(name));
        n = *read;
    }
    if (n < low || n > high)
        return fail(ErrorCode::kBadFile, "{} is {}, expected {} to {}", name, n, low, high);
    return static_cast<uint32_t>(n);
}

Result<uint32_t> Keys::need_count(std::string_view key, uint32_t low, uint32_t high) const {
    TRY(const auto value, count(key, low, high));
    if (!value) return fail(ErrorCode::kBadFile, "the metadata key {} is missing", full(key));
    return *value;
}

Result<uint32_t> Keys::count_or(std::string_view key, uint32_t low, uint32_t high, uint32_t otherwise) const {
    TRY(const auto value, count(key, low, high));
    return value.value_or(otherwise);
}

Result<std::optional<float>> Keys::number(std::string_view key, double low, double high) const {
    const std::string name = full(key);
    TRY(const auto value, metadata_.get_float(name));
    if (!value) return std::nullopt;
    if (!std::isfinite(*value) || *value < low || *value > high)
        return fail(ErrorCode::kBadFile, "{} is {}, expected {} to {}", name, *value, low, high);
    return static_cast<float>(*value);
}

Result<float> Keys::number_or(std::string_view key, double low, double high, float otherwise) const {
    TRY(const auto value, number(key, low, high));
    return value.value_or(otherwise);
}

Result<std::vector<int64_t>> Keys::flags(std::string_view key) const {
    const MetaValue* value = metadata_.find(full(key));
    if (value == nullptr || value->type != MetaType::kArray) return std::vector<int64_t>{};
    const auto values = metadata_.get_ints(full(key));
    if (!values) return std::unexpected(values.error());
    return **values;
}

}  // namespace airframe
