#include "shimmy/store/ollama.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <fstream>
#include <string_view>
#include <system_error>

#include "base/log.h"
#include "base/result.h"

namespace shimmy {
namespace fs = std::filesystem;
namespace json = boost::json;
namespace {

constexpr std::string_view kModelLayer = "application/vnd.ollama.image.model";
constexpr size_t kManifestBytesMax = 1 << 20;
constexpr size_t kManifestsMax = 10'000;
constexpr size_t kNameParts = 4;  // registry, namespace, model, tag

base::Result<std::string> read_small_file(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return base::fail(base::ErrorCode::kIo, "cannot be read");
    std::string text(kManifestBytesMax + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(file.gcount()));
    if (text.size() > kManifestBytesMax)
        return base::fail(base::ErrorCode::kBadFile, "is larger than any manifest ({} bytes)",
                          kManifestBytesMax);
    return text;
}

// "sha256:<64 hex digits>" -> "sha256-<64 hex digits>", the blob's file name. Anything else could point
// outside blobs/.
base::Result<std::string> blob_name(std::string_view digest) {
    constexpr std::string_view kPrefix = "sha256";
    constexpr size_t kHexDigits = 64;
    const bool shaped = digest.size() == kPrefix.size() + 1 + kHexDigits && digest.starts_with(kPrefix) &&
                        (digest[kPrefix.size()] == ':' || digest[kPrefix.size()] == '-');
    const auto hex = shaped ? digest.substr(kPrefix.size() + 1) : std::string_view{};
    const bool all_hex = std::ranges::all_of(hex, [](unsigned char c) { return std::isxdigit(c) != 0; });
    if (!shaped || !all_hex)
        return base::fail(base::ErrorCode::kBadFile,
                          "has a digest that is not sha256:<64 hex digits>: \"{}\"",
                          base::printable(digest, 80));
    return std::string(kPrefix) + "-" + std::string(hex);
}

const json::string* string_member(const json::value& value, std::string_view key) {
    const json::object* object = value.if_object();
    const json::value* member = object != nullptr ? object->if_contains(key) : nullptr;
    return member != nullptr ? member->if_string() : nullptr;
}

base::Result<std::string> model_blob_of(const fs::path& manifest) {
    TRY(const std::string text, read_small_file(manifest));
    json::error_code error;
    const json::value document = json::parse(text, error);
    if (error) return base::fail(base::ErrorCode::kBadFile, "is not JSON ({})", error.message());
    const json::object* object = document.if_object();
    const json::value* member = object != nullptr ? object->if_contains("layers") : nullptr;
    const json::array* layers = member != nullptr ? member->if_array() : nullptr;
    if (layers == nullptr) return base::fail(base::ErrorCode::kBadFile, "has no list \"layers\"");
    for (const json::value& layer : *layers) {
        const json::string* type = string_member(layer, "mediaType");
        const json::string* digest = string_member(layer, "digest");
        if (type != nullptr && digest != nullptr && *type == kModelLayer) return blob_name(*digest);
    }
    return base::fail(base::ErrorCode::kUnsupported, "names no GGUF model (no layer of type {})",
                      kModelLayer);
}

// The parts of a manifest's path below manifests/, joined as Ollama prints the name.
std::string display_name(const std::array<std::string, kNameParts>& parts) {
    std::string name;
    const bool own_registry = parts[0] == "registry.ollama.ai";
    if (!own_registry) name += parts[0] + "/";
    if (!own_registry || parts[1] != "library") name += parts[1] + "/";
    return name + parts[2] + ":" + parts[3];
}

std::vector<fs::path> manifests_below(const fs::path& root) {
    std::vector<fs::path> manifests;
    std::error_code error;
    fs::recursive_directory_iterator it(root, fs::directory_options::skip_permission_denied, error), end;
    for (size_t seen = 0; !error && it != end && seen < kManifestsMax; it.increment(error), ++seen) {
        const size_t depth = static_cast<size_t>(it.depth());
        std::error_code ignored;
        if (depth + 1 >= kNameParts) it.disable_recursion_pending();
        if (depth + 1 == kNameParts && it->is_regular_file(ignored)) manifests.push_back(it->path());
    }
    std::ranges::sort(manifests);
    return manifests;
}

}  // namespace

OllamaStore read_ollama_store(const fs::path& root) {
    OllamaStore store;
    const fs::path base_dir = root / "manifests";
    for (const fs::path& manifest : manifests_below(base_dir)) {
        std::array<std::string, kNameParts> parts;
        std::ranges::transform(manifest.lexically_relative(base_dir), parts.begin(),
                               [](const fs::path& part) { return part.string(); });
        if (parts[kNameParts - 1].starts_with('.')) continue;  // .DS_Store and the like
        auto blob = model_blob_of(manifest);
        if (blob)
            store.models.push_back({display_name(parts), root / "blobs" / *blob});
        else
            store.faults.push_back({manifest, blob.error().message});
    }
    return store;
}

}  // namespace shimmy
