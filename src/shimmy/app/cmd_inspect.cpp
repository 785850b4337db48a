// shimmy inspect: what is in a GGUF file. Reads any file of the format, whether or not it is a model that we
// can run.

#include <boost/json.hpp>

#include <algorithm>
#include <cstdio>
#include <map>

#include "base/log.h"
#include "shimmy/app/command.h"
#include "shimmy/app/json_text.h"
#include "shimmy/app/meta_text.h"
#include "shimmy/app/models.h"
#include "shimmy/app/terminal.h"

namespace shimmy {
namespace json = boost::json;

using airframe::GgufFile;
using airframe::MetaEntry;
using airframe::TensorInfo;

namespace {

constexpr size_t kValueChars = 72;

struct InspectOptions {
    std::string model;
    bool tensors = false;
    bool as_json = false;
};

struct TypeSums {
    size_t tensors = 0;
    uint64_t elements = 0, bytes = 0;
};

// By type name, the one with most bytes first.
std::vector<std::pair<std::string, TypeSums>> sums_by_type(const GgufFile& file) {
    std::map<std::string, TypeSums> sums;
    for (const TensorInfo& tensor : file.tensors()) {
        TypeSums& sum = sums[std::string(airframe::traits(tensor.type).name)];
        sum.tensors += 1;
        sum.elements += static_cast<uint64_t>(tensor.elements());
        sum.bytes += tensor.bytes;
    }
    std::vector<std::pair<std::string, TypeSums>> sorted(sums.begin(), sums.end());
    std::ranges::sort(sorted, std::greater<>{}, [](const auto& row) { return row.second.bytes; });
    return sorted;
}

uint64_t vocabulary_of(const GgufFile& file) {
    const airframe::MetaValue* tokens = file.metadata().find("tokenizer.ggml.tokens");
    return tokens != nullptr && tokens->type == airframe::MetaType::kArray ? tokens->count : 0;
}

std::string string_of(const GgufFile& file, std::string_view key) {
    const auto value = file.metadata().get_string(key);
    return value && *value ? shortened(**value, kValueChars) : std::string{};
}

std::string shape_text(const TensorInfo& tensor) {
    std::string out;
    for (uint32_t i = 0; i < std::max(tensor.n_dims, 1u); ++i)
        out += (i == 0 ? "" : " x ") + fmt::format("{}", tensor.dims[i]);
    return out;
}

json::object to_json(const GgufFile& file, const ModelFacts& facts) {
    json::object metadata;
    for (const MetaEntry& entry : file.metadata().entries()) metadata[entry.key] = value_json(entry.value);
    json::array tensors, types;
    for (const TensorInfo& tensor : file.tensors()) {
        json::array dims(tensor.dims.begin(), tensor.dims.begin() + tensor.n_dims);
        tensors.push_back(json::object{{"name", tensor.name},
                                       {"type", airframe::traits(tensor.type).name},
                                       {"dims", std::move(dims)},
                                       {"bytes", tensor.bytes},
                                       {"offset", tensor.file_offset},
                                       {"shard", tensor.shard}});
    }
    for (const auto& [name, sum] : sums_by_type(file))
        types.push_back(json::object{
            {"type", name}, {"tensors", sum.tensors}, {"elements", sum.elements}, {"bytes", sum.bytes}});
    return {{"path", file.path().string()},
            {"version", file.version()},
            {"alignment", file.alignment()},
            {"file_bytes", file.file_bytes()},
            {"architecture", facts.architecture},
            {"name", facts.name},
            {"parameters", facts.parameter_count},
            {"quantisation", facts.quantisation},
            {"context_tokens", facts.context_tokens},
            {"vocabulary", vocabulary_of(file)},
            {"has_chat_template", facts.has_chat_template},
            {"metadata", std::move(metadata)},
            {"tensor_types", std::move(types)},
            {"tensors", std::move(tensors)}};
}

void print_summary(const GgufFile& file, const ModelEntry& entry) {
    const ModelFacts& facts = entry.facts();
    const std::string parts = entry.parts.size() > 1 ? fmt::format(", {} parts", entry.parts.size()) : "";
    const uint64_t vocabulary = vocabulary_of(file);
    const std::vector<std::pair<std::string_view, std::string>> lines{
        {"file",
         fmt::format("{} ({}, GGUF version {}{})", entry.path.empty() ? entry.id : file.path().string(),
                     format_bytes(file.file_bytes()), file.version(), parts)},
        {"name", shortened(facts.name, kValueChars)},
        {"architecture", shortened(facts.architecture, kValueChars)},
        {"parameters", facts.parameter_count > 0
                           ? fmt::format("{} ({})", facts.parameters, format_thousands(facts.parameter_count))
                           : ""},
        {"quantisation", facts.quantisation},
        {"context", facts.context_tokens > 0 ? format_thousands(facts.context_tokens) + " tokens" : ""},
        {"vocabulary", vocabulary > 0 ? fmt::format("{} tokens, {} {}", format_thousands(vocabulary),
                                                    string_of(file, "tokenizer.ggml.model"),
                                                    string_of(file, "tokenizer.ggml.pre"))
                                      : ""},
        {"chat template", facts.has_chat_template ? "yes" : "no"},
    };
    for (const auto& [label, value] : lines)
        if (!value.empty()) fmt::print("{:<14} {}\n", label, value);
}

void print_metadata(const GgufFile& file) {
    std::vector<std::vector<std::string>> rows{{"KEY", "TYPE", "VALUE"}};
    for (const MetaEntry& entry : file.metadata().entries())
        rows.push_back({shortened(entry.key, kValueChars), type_text(entry.value),
                        value_text(entry.value, kValueChars)});
    fmt::print("\nMetadata ({} keys)\n\n{}", rows.size() - 1, format_table(rows));
}

void print_types(const GgufFile& file) {
    std::vector<std::vector<std::string>> rows{{"TYPE", "TENSORS", "ELEMENTS", "SIZE", "BITS PER ELEMENT"}};
    for (const auto& [name, sum] : sums_by_type(file))
        rows.push_back({name, fmt::format("{}", sum.tensors), format_thousands(sum.elements),
                        format_bytes(sum.bytes),
                        fmt::format("{:.2f}", 8.0 * static_cast<double>(sum.bytes) /
                                                  static_cast<double>(std::max<uint64_t>(sum.elements, 1)))});
    fmt::print("\nTensors ({}, {})\n\n{}", file.tensors().size(), format_bytes(file.tensor_bytes()),
               format_table(rows));
}

void print_tensors(const GgufFile& file) {
    std::vector<std::vector<std::string>> rows{{"TENSOR", "TYPE", "SHAPE", "SIZE", "OFFSET"}};
    for (const TensorInfo& tensor : file.tensors())
        rows.push_back({shortened(tensor.name, kValueChars), std::string(airframe::traits(tensor.type).name),
                        shape_text(tensor), format_bytes(tensor.bytes),
                        fmt::format("{}", tensor.file_offset)});
    fmt::print("\n{}", format_table(rows));
}

// A path is opened as it is, so that adapters, projectors and damaged files can be looked at too.
base::Result<ModelEntry> entry_to_inspect(const std::string& model, const GlobalOptions& global) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(model, error)) return resolve_model(model, global);
    ModelEntry entry{.id = std::filesystem::path(model).stem().string(), .source = "file", .path = model};
    entry.parts = {entry.path};
    return entry;
}

base::Result<int> run_inspect(const InspectOptions& options, const GlobalOptions& global) {
    TRY(const ModelEntry entry, entry_to_inspect(options.model, global));
    TRY(const GgufFile file, open_model(entry));
    if (options.as_json) {
        print_json(to_json(file, entry.facts()));
        return kExitOk;
    }
    print_summary(file, entry);
    print_metadata(file);
    print_types(file);
    if (options.tensors)
        print_tensors(file);
    else
        fmt::print("\n--tensors lists them all.\n");
    return kExitOk;
}

}  // namespace

void add_inspect(CommandLine line) {
    auto options = std::make_shared<InspectOptions>();
    CLI::App* command =
        line.add(options, "inspect", "Show what is in a GGUF file: facts, metadata, tensors", run_inspect);
    add_model_argument(*command, options->model);
    command->add_flag("--tensors", options->tensors, "List every tensor with type, shape and place");
    command->add_flag("--json", options->as_json,
                      "For scripts: everything, long arrays by their count and first elements");
    command->footer(
        "Examples:\n"
        "  shimmy inspect model.gguf\n"
        "  shimmy inspect model.gguf --tensors | less\n"
        "  shimmy inspect model.gguf --json | jq .metadata");
}

}  // namespace shimmy
