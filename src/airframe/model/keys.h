// Keys: reading "<architecture>.<key>" from metadata with the range each value must lie in.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "airframe/gguf/metadata.h"
#include "base/result.h"

namespace airframe {

class Keys {
  public:
    Keys(const Metadata& metadata, std::string_view architecture)
        : metadata_(metadata), prefix_(architecture) {
        prefix_ += '.';
    }

    // A count within [low, high]; an array of equal numbers counts as one number. Nothing when absent.
    // Errors: kBadFile naming key, value and range; kUnsupported for arrays whose values differ from layer to
    // layer.
    base::Result<std::optional<uint32_t>> count(std::string_view key, uint32_t low, uint32_t high) const;
    base::Result<uint32_t> need_count(std::string_view key, uint32_t low, uint32_t high) const;
    base::Result<uint32_t> count_or(std::string_view key, uint32_t low, uint32_t high,
                                    uint32_t otherwise) const;

    // A finite number within [low, high].
    base::Result<std::optional<float>> number(std::string_view key, double low, double high) const;
    base::Result<float> number_or(std::string_view key, double low, double high, float otherwise) const;

    base::Result<std::optional<bool>> flag(std::string_view key) const {
        return metadata_.get_bool(full(key));
    }
    // A list of booleans; empty when absent or a single value.
    base::Result<std::vector<int64_t>> flags(std::string_view key) const;
    base::Result<std::optional<std::string_view>> text(std::string_view key) const {
        return metadata_.get_string(full(key));
    }

    std::string full(std::string_view key) const { return prefix_ + std::string(key); }

  private:
    const Metadata& metadata_;
    std::string prefix_;
};

}  // namespace airframe
