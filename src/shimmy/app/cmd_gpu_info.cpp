// shimmy gpu-info: the GPUs of this machine, and which one would be used and why.

#include <fmt/ranges.h>

#include <boost/json.hpp>

#include <cstdio>

#include "airframe/backend/vulkan/adapter.h"
#include "shimmy/app/command.h"
#include "shimmy/app/json_text.h"
#include "shimmy/app/terminal.h"

namespace shimmy {
namespace json = boost::json;
namespace {

using airframe::Adapter;
using airframe::AdapterChoice;

struct GpuInfoOptions {
    bool as_json = false;
};

struct Found {
    std::vector<Adapter> adapters;
    AdapterChoice choice;
};

Found find(const std::string& wanted) {
    auto adapters = airframe::list_adapters();
    if (!adapters) return {{}, {{}, adapters.error().message}};
    return {*adapters, airframe::choose_adapter(*adapters, wanted)};
}

json::object to_json(const Adapter& adapter) {
    json::object object{{"index", adapter.index},
                        {"name", adapter.name},
                        {"kind", airframe::adapter_kind_name(adapter.kind)},
                        {"driver", adapter.driver},
                        {"vulkan", adapter.api_version},
                        {"memory_bytes", adapter.memory_bytes},
                        {"memory_free_bytes", nullptr},
                        {"buffer_bytes_max", adapter.buffer_bytes_max},
                        {"shared_memory_bytes", adapter.shared_memory_bytes},
                        {"subgroup_size", adapter.subgroup_size},
                        {"dot_product", adapter.dot_product},
                        {"cooperative_matrix", adapter.cooperative_matrix},
                        {"usable", adapter.missing.empty()},
                        {"missing", json::value_from(adapter.missing)}};
    if (adapter.memory_free_bytes) object["memory_free_bytes"] = *adapter.memory_free_bytes;
    return object;
}

void print(const Adapter& adapter) {
    const auto line = [](std::string_view label, const std::string& text) {
        fmt::print("   {:<9} {}\n", label, text);
    };
    const auto yes_no = [](bool yes) { return yes ? "yes" : "no"; };
    fmt::print("{}  {} ({})\n", adapter.index, adapter.name, airframe::adapter_kind_name(adapter.kind));
    line("driver", fmt::format("{}, Vulkan {}", adapter.driver, adapter.api_version));
    line("memory",
         fmt::format("{}, {} free; one piece up to {}", format_bytes(adapter.memory_bytes),
                     adapter.memory_free_bytes ? format_bytes(*adapter.memory_free_bytes) : "unknown",
                     format_bytes(adapter.buffer_bytes_max)));
    line("compute",
         fmt::format("subgroups of {}, {} shared memory, 8-bit dot product: {}, cooperative matrix: {}",
                     adapter.subgroup_size, format_bytes(adapter.shared_memory_bytes),
                     yes_no(adapter.dot_product), yes_no(adapter.cooperative_matrix)));
    if (!adapter.missing.empty()) line("unusable", fmt::format("lacks {}", fmt::join(adapter.missing, ", ")));
}

base::Result<int> run_gpu_info(const GpuInfoOptions& options, const GlobalOptions& global) {
    const Found found = find(global.gpu_device);
    if (options.as_json) {
        json::array adapters;
        for (const Adapter& adapter : found.adapters) adapters.push_back(to_json(adapter));
        json::object all{
            {"adapters", std::move(adapters)}, {"used", nullptr}, {"reason", found.choice.reason}};
        if (found.choice.index) all["used"] = *found.choice.index;
        print_json(all);
        return kExitOk;
    }
    for (const Adapter& adapter : found.adapters) print(adapter);
    if (!found.adapters.empty()) fmt::print("\n");
    if (found.choice.index)
        fmt::print("Used: {} ({}), {}\n", *found.choice.index, found.adapters[*found.choice.index].name,
                   found.choice.reason);
    else
        fmt::print("Used: none, the CPU computes: {}\n", found.choice.reason);
    return kExitOk;
}

}  // namespace

void add_gpu_info(CommandLine line) {
    auto options = std::make_shared<GpuInfoOptions>();
    CLI::App* command =
        line.add(options, "gpu-info", "Show the GPUs and which one would be used", run_gpu_info);
    command->add_flag("--json", options->as_json, "For scripts");
    command->footer(
        "Examples:\n"
        "  shimmy gpu-info\n"
        "  shimmy gpu-info --gpu-device 1                what that choice would mean\n"
        "  shimmy gpu-info --json | jq '.adapters[].name'");
}

}  // namespace shimmy
