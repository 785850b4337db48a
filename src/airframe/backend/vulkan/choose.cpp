#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <tuple>

#include "airframe/backend/vulkan/adapter.h"

namespace airframe {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

std::string names_of(std::span<const Adapter> adapters) {
    std::vector<std::string> names;
    for (const Adapter& adapter : adapters)
        names.push_back(fmt::format("{} ({})", adapter.index, adapter.name));
    return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

std::string lacks(const Adapter& adapter) {
    return fmt::format("{} cannot be used: it lacks {}", adapter.name, fmt::join(adapter.missing, ", "));
}

AdapterChoice by_wish(std::span<const Adapter> adapters, std::string_view wanted) {
    uint32_t number = 0;
    const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), number);
    const bool numeric = error == std::errc{} && end == wanted.data() + wanted.size();
    const auto fits = [&](const Adapter& adapter) {
        return numeric ? adapter.index == number : lower(adapter.name).contains(lower(wanted));
    };
    const auto found = std::ranges::find_if(adapters, fits);
    if (found == adapters.end())
        return {{}, fmt::format("there is no GPU \"{}\"; there are: {}", wanted, names_of(adapters))};
    if (!found->missing.empty()) return {{}, lacks(*found)};
    return {found->index, fmt::format("asked for as \"{}\"", wanted)};
}

}  // namespace

std::string_view adapter_kind_name(AdapterKind kind) {
    constexpr std::string_view kNames[] = {"discrete", "integrated", "virtual", "other", "cpu"};
    return kNames[static_cast<size_t>(kind)];
}

AdapterChoice choose_adapter(std::span<const Adapter> adapters, std::string_view wanted) {
    if (!wanted.empty()) return by_wish(adapters, wanted);
    const auto rank = [](const Adapter& adapter) {
        return std::tuple(-static_cast<int>(adapter.kind), adapter.memory_bytes, -int64_t{adapter.index});
    };
    const Adapter* best = nullptr;
    std::string refused;
    for (const Adapter& adapter : adapters) {
        if (adapter.kind == AdapterKind::kCpu) {
            refused += fmt::format("; {} is a CPU, and the cpu backend is faster there", adapter.name);
        } else if (!adapter.missing.empty()) {
            refused += "; " + lacks(adapter);
        } else if (best == nullptr || rank(adapter) > rank(*best)) {
            best = &adapter;
        }
    }
    if (best == nullptr) return {{}, "there is no usable GPU" + refused};
    const bool alone = std::ranges::count_if(adapters, [](const Adapter& adapter) {
                           return adapter.missing.empty() && adapter.kind != AdapterKind::kCpu;
                       }) == 1;
    return {best->index, alone ? "the only usable GPU" : "the best: discrete first, then by memory"};
}

std::vector<std::string> several_adapters(std::span<const Adapter> adapters, size_t n) {
    std::vector<std::string> discrete, all;
    for (const Adapter& adapter : adapters) {
        if (!adapter.missing.empty() || adapter.kind == AdapterKind::kCpu) continue;
        all.push_back(fmt::to_string(adapter.index));
        if (adapter.kind == AdapterKind::kDiscrete) discrete.push_back(all.back());
    }
    std::vector<std::string>& chosen = discrete.size() > 1 ? discrete : all;
    chosen.resize(std::min(n, chosen.size()));
    return std::move(chosen);
}

}  // namespace airframe
