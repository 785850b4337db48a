#include "shimmy/app/models.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"
#include "base/system.h"
#include "shimmy/app/guide.h"
#include "shimmy/app/terminal.h"

namespace shimmy {
namespace fs = std::filesystem;

using base::ErrorCode;
using base::fail;

namespace {

bool looks_like_path(const std::string& text) {
    return text.ends_with(".gguf") || text.starts_with('/') || text.starts_with("./") ||
           text.starts_with("../");
}

base::Result<ModelEntry> entry_of_file(const fs::path& path) {
    const std::array place{
        SearchPlace{.source = "file", .named_by = "MODEL", .kind = PlaceKind::kFile, .path = path}};
    Discovery found = discover(place);
    if (!found.models.empty()) return std::move(found.models.front());
    const SkippedFile& skipped = found.skipped.front();  // a file that exists is listed or skipped
    return fail(ErrorCode::kBadFile, "{} {}", skipped.path.string(), skipped.reason);
}

// A file that is the built-in model lies in the source tree; listing it twice would only puzzle.
bool is_copy_of(const ModelEntry& entry, const ModelEntry& guide) {
    return entry.id == guide.id && entry.bytes == guide.bytes;
}

}  // namespace

Discovery find_models(const GlobalOptions& global, const fs::path& model_path) {
    SearchOptions options{.model_path = model_path};
    for (const std::string& list : global.model_dirs)
        for (std::string& dir : base::split_path_list(list)) options.model_dirs.push_back(std::move(dir));
    Discovery found = discover(search_places(options));
    ModelEntry guide = guide_entry();
    std::erase_if(found.models, [&](const ModelEntry& entry) { return is_copy_of(entry, guide); });
    for (ModelEntry& entry : found.models)
        if (entry.id == guide.id) entry.id += "-file";  // the plain name stays with the built-in model
    found.models.push_back(std::move(guide));
    return found;
}

base::Result<ModelEntry> resolve_model(const std::string& model, const GlobalOptions& global) {
    if (model.empty())
        return fail(ErrorCode::kInvalidArgument,
                    "which model? Name an id from `shimmy list`, or a GGUF file");
    std::error_code error;
    if (fs::is_regular_file(model, error)) return entry_of_file(model);
    if (fs::is_directory(model, error))
        return fail(ErrorCode::kInvalidArgument,
                    "{} is a folder; name a GGUF file in it, or use --model-dirs {}", model, model);
    Catalog catalog(find_models(global).models);
    auto entry = catalog.find_or_refresh(model);
    if (!entry && looks_like_path(model))
        return fail(ErrorCode::kNotFound, "no such file: {}", base::printable(model));
    return entry;
}

std::string describe(const ModelFacts& facts) {
    std::string out;
    for (const std::string* part : {&facts.architecture, &facts.parameters, &facts.quantisation})
        if (!part->empty()) out += (out.empty() ? "" : " ") + *part;
    if (facts.context_tokens > 0) out += fmt::format(", context {}", format_thousands(facts.context_tokens));
    return out;
}

}  // namespace shimmy
