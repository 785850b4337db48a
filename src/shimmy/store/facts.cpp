// What a model file says of itself, and how it is opened: here the store meets the file format.

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <mutex>

#include "shimmy/store/catalog.h"

namespace shimmy {

struct LazyFacts {
    std::once_flag once;
    ModelFacts facts;
};

namespace {

using airframe::GgufFile;
using airframe::Metadata;

// general.file_type: how the writer named the mixture of tensor types.
constexpr std::array<std::pair<int64_t, std::string_view>, 31> kMixtures{{
    {0, "F32"},     {1, "F16"},     {2, "Q4_0"},     {3, "Q4_1"},    {7, "Q8_0"},     {8, "Q5_0"},
    {9, "Q5_1"},    {10, "Q2_K"},   {11, "Q3_K_S"},  {12, "Q3_K_M"}, {13, "Q3_K_L"},  {14, "Q4_K_S"},
    {15, "Q4_K_M"}, {16, "Q5_K_S"}, {17, "Q5_K_M"},  {18, "Q6_K"},   {19, "IQ2_XXS"}, {20, "IQ2_XS"},
    {21, "Q2_K_S"}, {22, "IQ3_XS"}, {23, "IQ3_XXS"}, {24, "IQ1_S"},  {25, "IQ4_NL"},  {26, "IQ3_S"},
    {27, "IQ3_M"},  {28, "IQ2_S"},  {29, "IQ2_M"},   {30, "IQ4_XS"}, {31, "IQ1_M"},   {32, "BF16"},
    {38, "MXFP4"},
}};

// A key of the wrong kind counts as absent here; loading complains about it.
std::string text_of(const Metadata& metadata, std::string_view key) {
    const auto value = metadata.get_string(key);
    return value && *value ? std::string(**value) : std::string{};
}

// The type that holds most of the elements, and the sum of them, over all parts.
struct TensorSums {
    uint64_t elements = 0;
    std::map<airframe::QuantType, uint64_t> by_type;

    void add(const GgufFile& file) {
        for (const airframe::TensorInfo& tensor : file.tensors()) {
            elements += static_cast<uint64_t>(tensor.elements());
            by_type[tensor.type] += static_cast<uint64_t>(tensor.elements());
        }
    }
    std::string commonest() const {
        const auto most =
            std::ranges::max_element(by_type, {}, [](const auto& entry) { return entry.second; });
        return most == by_type.end() ? "" : std::string(airframe::traits(most->first).name);
    }
};

std::string quantisation_of(const Metadata& metadata, const TensorSums& sums) {
    const auto number = metadata.get_int("general.file_type");
    if (number && *number)
        for (const auto& [known, name] : kMixtures)
            if (known == **number) return std::string(name);
    return sums.commonest();
}

base::Result<ModelFacts> read_facts(const ModelEntry& entry) {
    TRY(const GgufFile file, entry.embedded.empty() ? GgufFile::open_header(entry.path) : open_model(entry));
    TensorSums sums;
    sums.add(file);
    for (size_t i = 1; i < entry.parts.size(); ++i) {
        TRY(const GgufFile part, GgufFile::open_header(entry.parts[i]));
        sums.add(part);
    }
    const Metadata& metadata = file.metadata();
    ModelFacts facts{.architecture = text_of(metadata, "general.architecture"),
                     .name = text_of(metadata, "general.name"),
                     .parameters = format_count(sums.elements),
                     .quantisation = quantisation_of(metadata, sums),
                     .parameter_count = sums.elements,
                     .has_chat_template = metadata.find("tokenizer.chat_template") != nullptr};
    const auto context = metadata.get_int(facts.architecture + ".context_length");
    if (context && *context && **context > 0) facts.context_tokens = static_cast<uint64_t>(**context);
    return facts;
}

}  // namespace

std::shared_ptr<LazyFacts> make_lazy_facts() { return std::make_shared<LazyFacts>(); }

const ModelFacts& ModelEntry::facts() const {
    std::call_once(lazy_facts->once, [this] {
        auto facts = read_facts(*this);
        lazy_facts->facts = facts ? *std::move(facts) : ModelFacts{.fault = std::move(facts).error().message};
    });
    return lazy_facts->facts;
}

base::Result<GgufFile> open_model(const ModelEntry& entry) {
    if (!entry.embedded.empty()) return GgufFile::open_memory(entry.embedded, entry.id);
    return GgufFile::open(entry.path);
}

std::string format_count(uint64_t count) {
    constexpr std::array<std::pair<double, std::string_view>, 4> kSteps{
        {{1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e3, "K"}}};
    const auto value = static_cast<double>(count);
    for (const auto& [size, letter] : kSteps) {
        if (value < size * 0.9995) continue;
        const double scaled = value / size;
        return scaled < 10 ? fmt::format("{:.1f}{}", scaled, letter)
                           : fmt::format("{:.0f}{}", scaled, letter);
    }
    return fmt::format("{}", count);
}

}  // namespace shimmy
