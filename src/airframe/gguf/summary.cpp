#include "airframe/gguf/summary.h"

#include <algorithm>
#include <array>
#include <map>

#include "airframe/gguf/split.h"

namespace airframe {
namespace {

struct FileType {
    int64_t number;
    std::string_view name;
};

// general.file_type: what most of the weights are stored as, or the mix of types. Numbers of the format; gaps
// are types that no longer exist.
constexpr FileType kFileTypes[] = {
    {0, "F32"},     {1, "F16"},     {2, "Q4_0"},       {3, "Q4_1"},    {7, "Q8_0"},     {8, "Q5_0"},
    {9, "Q5_1"},    {10, "Q2_K"},   {11, "Q3_K_S"},    {12, "Q3_K_M"}, {13, "Q3_K_L"},  {14, "Q4_K_S"},
    {15, "Q4_K_M"}, {16, "Q5_K_S"}, {17, "Q5_K_M"},    {18, "Q6_K"},   {19, "IQ2_XXS"}, {20, "IQ2_XS"},
    {21, "Q2_K_S"}, {22, "IQ3_XS"}, {23, "IQ3_XXS"},   {24, "IQ1_S"},  {25, "IQ4_NL"},  {26, "IQ3_S"},
    {27, "IQ3_M"},  {28, "IQ2_S"},  {29, "IQ2_M"},     {30, "IQ4_XS"}, {31, "IQ1_M"},   {32, "BF16"},
    {36, "TQ1_0"},  {37, "TQ2_0"},  {38, "MXFP4_MOE"},
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string text_at(const Metadata& metadata, std::string_view key) {
    const auto value = metadata.get_string(key);
    return value && *value ? std::string(**value) : std::string();
}

uint64_t count_at(const Metadata& metadata, std::string_view key) {
    const auto value = metadata.get_int(key);
    return value && *value && **value > 0 ? static_cast<uint64_t>(**value) : 0;
}

// The type that takes the most bytes.
std::string_view main_type(std::span<const TensorInfo> tensors) {
    std::map<QuantType, uint64_t> bytes;
    for (const TensorInfo& tensor : tensors) bytes[tensor.type] += tensor.bytes;
    const auto most = std::ranges::max_element(bytes, {}, [](const auto& entry) { return entry.second; });
    return most == bytes.end() ? std::string_view() : traits(most->first).name;
}

std::string quantization_of(const GgufFile& file) {
    const auto number = file.metadata().get_int("general.file_type");
    if (number && *number && !file_type_name(**number).empty()) return std::string(file_type_name(**number));
    return std::string(main_type(file.tensors()));
}

bool is_weight(const TensorInfo& tensor) { return traits(tensor.type).dequantize_row != nullptr; }

}  // namespace

GgufSummary summarize(const GgufFile& file) {
    const Metadata& metadata = file.metadata();
    GgufSummary summary;
    summary.name = text_at(metadata, "general.name");
    if (summary.name.empty()) summary.name = file.path().stem().string();
    summary.architecture = text_at(metadata, "general.architecture");
    for (const TensorInfo& tensor : file.tensors())
        if (is_weight(tensor)) summary.parameters += static_cast<uint64_t>(tensor.elements());
    summary.size_label = text_at(metadata, "general.size_label");
    if (summary.size_label.empty() && summary.parameters > 0)
        summary.size_label = size_label(summary.parameters);
    summary.quantization = quantization_of(file);
    summary.context_tokens = count_at(metadata, summary.architecture + ".context_length");
    summary.tensor_bytes = file.tensor_bytes();
    summary.has_chat_template = !text_at(metadata, "tokenizer.chat_template").empty();
    const auto split = split_of(metadata);
    if (split && *split) summary.parts = (*split)->count;
    return summary;
}

std::string size_label(uint64_t parameters) {
    constexpr std::array<std::string_view, 5> kUnits = {"", "K", "M", "B", "T"};
    double value = static_cast<double>(parameters);
    size_t unit = 0;
    // 999.5 of one unit would be shown as 1000.
    while (value >= 999.5 && unit + 1 < kUnits.size()) {
        value /= 1000;
        ++unit;
    }
    const bool with_decimal = unit > 0 && value < 9.95;
    return fmt::format("{:.{}f}{}", value, with_decimal ? 1 : 0, kUnits[unit]);
}

std::string_view file_type_name(int64_t number) {
    const auto* found = std::ranges::find(kFileTypes, number, &FileType::number);
    return found != std::end(kFileTypes) ? found->name : std::string_view();
}

int64_t file_type_of(std::string_view name) {
    const auto is_it = [&](const FileType& type) {
        return std::ranges::equal(type.name, name, {}, lower, lower);
    };
    const auto* found = std::ranges::find_if(kFileTypes, is_it);
    return found != std::end(kFileTypes) ? found->number : -1;
}

}  // namespace airframe
