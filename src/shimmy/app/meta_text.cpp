#include "shimmy/app/meta_text.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cmath>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "shimmy/app/terminal.h"

namespace shimmy {

using airframe::MetaType;
using airframe::MetaValue;
namespace json = boost::json;

namespace {

constexpr size_t kShownElements = 8;
constexpr size_t kElementChars = 24;

template <class T>
T load(const std::byte* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

json::value real(double value) {
    if (std::isfinite(value)) return value;
    return json::string(fmt::format("{}", value));
}

json::value number_json(MetaType type, const std::byte* at) {
    switch (type) {
        case MetaType::kU8:
            return load<uint8_t>(at);
        case MetaType::kI8:
            return load<int8_t>(at);
        case MetaType::kU16:
            return load<uint16_t>(at);
        case MetaType::kI16:
            return load<int16_t>(at);
        case MetaType::kU32:
            return load<uint32_t>(at);
        case MetaType::kI32:
            return load<int32_t>(at);
        case MetaType::kU64:
            return load<uint64_t>(at);
        case MetaType::kI64:
            return load<int64_t>(at);
        case MetaType::kBool:
            return load<uint8_t>(at) != 0;
        // The shortest decimal that gives this float back, not the longer one of its double.
        case MetaType::kF32:
            return real(std::strtod(fmt::format("{}", load<float>(at)).c_str(), nullptr));
        case MetaType::kF64:
            return real(load<double>(at));
        case MetaType::kString:
        case MetaType::kArray:
            break;
    }
    return nullptr;
}

std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

json::value string_json(std::string_view text) { return json::string(base::to_valid_utf8(text)); }

// The leading elements of an array; of arrays of arrays, none. Lengths were checked against the file at open.
json::array first_elements(const MetaValue& value) {
    json::array elements;
    std::span<const std::byte> rest = value.bytes;
    const uint32_t width = bytes_of(value.elem_type);
    for (uint64_t i = 0; i < value.count && i < kShownElements; ++i) {
        if (value.elem_type == MetaType::kString) {
            const auto length = load<uint64_t>(rest.data());
            elements.push_back(string_json(text_of(rest.subspan(sizeof length, length))));
            rest = rest.subspan(sizeof length + length);
        } else if (width > 0) {
            elements.push_back(number_json(value.elem_type, rest.data()));
            rest = rest.subspan(width);
        }
    }
    return elements;
}

std::string quoted(std::string_view text, size_t chars_max) {
    return "\"" + shortened(text, chars_max) + "\"";
}

std::string array_text(const MetaValue& value) {
    std::string out = "[";
    const json::array elements = first_elements(value);
    for (const json::value& element : elements) {
        if (out.size() > 1) out += ", ";
        out += element.is_string() ? quoted(std::string_view(element.get_string()), kElementChars)
                                   : json::serialize(element);
    }
    if (value.count > elements.size())
        out += fmt::format("{}… {} more", elements.empty() ? "" : ", ",
                           format_thousands(value.count - elements.size()));
    return out + "]";
}

}  // namespace

std::string type_text(const MetaValue& value) {
    if (value.type != MetaType::kArray) return std::string(name_of(value.type));
    return fmt::format("{}[{}]", name_of(value.elem_type), value.count);
}

std::string value_text(const MetaValue& value, size_t chars_max) {
    if (value.type == MetaType::kArray) return array_text(value);
    if (value.type == MetaType::kString) return quoted(text_of(value.bytes), chars_max);
    if (value.type == MetaType::kF32) return fmt::format("{}", load<float>(value.bytes.data()));
    if (value.type == MetaType::kF64) return fmt::format("{}", load<double>(value.bytes.data()));
    return json::serialize(number_json(value.type, value.bytes.data()));
}

json::value value_json(const MetaValue& value) {
    if (value.type == MetaType::kString) return string_json(text_of(value.bytes));
    if (value.type != MetaType::kArray) return number_json(value.type, value.bytes.data());
    return json::object{{"type", type_text(value)}, {"count", value.count}, {"first", first_elements(value)}};
}

}  // namespace shimmy
