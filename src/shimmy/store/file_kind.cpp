#include "shimmy/store/file_kind.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <optional>
#include <string_view>

#include "base/log.h"

namespace shimmy {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF numbers are read as they lie");

constexpr size_t kPeekBytes = 16 << 10;
constexpr uint64_t kKeysMax = 64;

struct KindRow {
    std::string_view key, value, reason;
};
constexpr std::array kKinds{
    KindRow{"general.type", "adapter", "a LoRA adapter, not a model of its own"},
    KindRow{"general.type", "mmproj", "an image projector, not a language model"},
    KindRow{"general.type", "imatrix", "an importance matrix, not a model"},
    KindRow{"general.architecture", "clip", "an image projector, not a language model"},
    KindRow{"general.architecture", "controlvector", "a control vector, not a model"},
};

// Reads forward over the bytes at hand; past their end everything is "not known".
class Cursor {
  public:
    explicit Cursor(std::string_view bytes) : bytes_(bytes) {}

    template <class T>
    std::optional<T> number() {
        if (bytes_.size() < sizeof(T)) return std::nullopt;
        T value;
        std::memcpy(&value, bytes_.data(), sizeof value);
        bytes_.remove_prefix(sizeof value);
        return value;
    }
    std::optional<std::string_view> text() {
        const auto length = number<uint64_t>();
        if (!length || *length > bytes_.size()) return std::nullopt;
        const std::string_view value = bytes_.substr(0, *length);
        bytes_.remove_prefix(*length);
        return value;
    }
    bool skip(size_t count) {
        if (count > bytes_.size()) return false;
        bytes_.remove_prefix(count);
        return true;
    }

  private:
    std::string_view bytes_;
};

// Bytes of a scalar of each value type of the format; 0: a string, an array or no type.
constexpr std::array<uint8_t, 13> kScalarBytes{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
constexpr uint32_t kStringType = 8;

std::string_view kind_of_entry(std::string_view key, std::string_view value) {
    for (const KindRow& row : kKinds)
        if (row.key == key && row.value == value) return row.reason;
    return {};
}

// Walks over the leading keys up to the first array: vocabularies come later than what tells the kind.
std::string_view kind_from_keys(Cursor& cursor, uint64_t n_keys) {
    for (uint64_t i = 0; i < std::min(n_keys, kKeysMax); ++i) {
        const auto key = cursor.text();
        const auto type = key ? cursor.number<uint32_t>() : std::nullopt;
        if (!type || *type >= kScalarBytes.size()) return {};
        if (*type == kStringType) {
            const auto value = cursor.text();
            if (!value) return {};
            if (const auto reason = kind_of_entry(*key, *value); !reason.empty()) return reason;
        } else if (kScalarBytes[*type] == 0 || !cursor.skip(kScalarBytes[*type])) {
            return {};
        }
    }
    return {};
}

}  // namespace

base::Result<std::string> why_not_a_model(const std::filesystem::path& path, bool split) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return base::fail(base::ErrorCode::kIo, "cannot be read");
    std::string head(kPeekBytes, '\0');
    file.read(head.data(), static_cast<std::streamsize>(head.size()));
    head.resize(static_cast<size_t>(file.gcount()));
    if (head.empty()) return base::fail(base::ErrorCode::kBadFile, "is empty");
    if (!head.starts_with("GGUF"))
        return base::fail(base::ErrorCode::kBadFile, "is not a GGUF file (it begins with \"{}\")",
                          base::printable(head.substr(0, 4)));
    Cursor cursor(std::string_view(head).substr(4));
    const auto version = cursor.number<uint32_t>();
    const auto n_tensors = cursor.number<uint64_t>();
    const auto n_keys = cursor.number<uint64_t>();
    if (!n_keys)
        return base::fail(base::ErrorCode::kBadFile, "ends within its header ({} bytes)", head.size());
    if (*version < 2 || *version > 3) return std::string{};  // another layout: loading it tells more
    if (const auto reason = kind_from_keys(cursor, *n_keys); !reason.empty()) return std::string(reason);
    if (*n_tensors == 0 && !split) return std::string("a vocabulary without weights");
    return std::string{};
}

}  // namespace shimmy
