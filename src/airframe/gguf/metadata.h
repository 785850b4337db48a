// Typed, bounds-checked metadata of a GGUF file. Values borrow from its mapping; nothing is copied at open.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace airframe {

// Values are those of the file format.
enum class MetaType : uint32_t {
    kU8 = 0,
    kI8 = 1,
    kU16 = 2,
    kI16 = 3,
    kU32 = 4,
    kI32 = 5,
    kF32 = 6,
    kBool = 7,
    kString = 8,
    kArray = 9,
    kU64 = 10,
    kI64 = 11,
    kF64 = 12,
};
bool is_known(MetaType type);
std::string_view name_of(MetaType type);  // "u32", "string"; "unknown" for other numbers
uint32_t bytes_of(MetaType type);         // of one value; 0 for strings and arrays

// One value: a scalar, a string, or an array of one element type. Arrays of arrays are checked at open but
// only passed over: no getter reads them.
struct MetaValue {
    MetaType type;
    MetaType elem_type;                // of an array
    uint64_t count;                    // elements of an array, else 1
    std::span<const std::byte> bytes;  // raw little-endian payload; for strings without the length prefix
};

struct MetaEntry {
    std::string_view key;
    MetaValue value;
};

class Metadata {
  public:
    const MetaValue* find(std::string_view key) const;
    std::span<const MetaEntry> entries() const { return entries_; }

    // Each: nothing when the key is absent; an Error (kBadFile, param = key) when it has another kind of
    // value. Integers of any width and sign convert when the value fits; floats accept F32 and F64.
    base::Result<std::optional<int64_t>> get_int(std::string_view key) const;
    base::Result<std::optional<double>> get_float(std::string_view key) const;  // integers convert too
    base::Result<std::optional<bool>> get_bool(std::string_view key) const;
    base::Result<std::optional<std::string_view>> get_string(std::string_view key) const;
    base::Result<std::optional<std::vector<std::string_view>>> get_strings(std::string_view key) const;
    base::Result<std::optional<std::vector<float>>> get_floats(std::string_view key) const;
    base::Result<std::optional<std::vector<int64_t>>> get_ints(std::string_view key) const;  // or of bools

  private:
    friend class GgufReader;
    std::vector<MetaEntry> entries_;  // in file order
    std::vector<uint32_t> by_key_;    // indices sorted by key
};

}  // namespace airframe
