// The table of search places. A new one is a row.

#include <array>
#include <set>
#include <string_view>
#include <system_error>

#include "base/system.h"
#include "shimmy/store/discovery.h"

namespace shimmy {
namespace fs = std::filesystem;
namespace {

enum class Root : uint8_t { kHere, kHome, kAbsolute, kEnv, kEnvList, kEnvParent };

struct PlaceRow {
    std::string_view source;
    PlaceKind kind;
    Root root;
    const char* variable;   // of kEnv, kEnvList and kEnvParent
    std::string_view path;  // below the root
};

// Order is precedence: of two files with one name the first keeps the plain id.
constexpr std::array kPlaces{
    PlaceRow{"base-gguf", PlaceKind::kFile, Root::kEnv, "SHIMMY_BASE_GGUF", ""},
    PlaceRow{"base-gguf", PlaceKind::kFile, Root::kEnv, "LIBSHIMMY_MODEL_PATH", ""},
    PlaceRow{"model-paths", PlaceKind::kTree, Root::kEnvList, "SHIMMY_MODEL_PATHS", ""},
    PlaceRow{"models", PlaceKind::kTree, Root::kHere, nullptr, "models"},
    PlaceRow{"base-gguf", PlaceKind::kFolder, Root::kEnvParent, "SHIMMY_BASE_GGUF", ""},

    PlaceRow{"hugging-face", PlaceKind::kHub, Root::kEnv, "HF_HUB_CACHE", ""},
    PlaceRow{"hugging-face", PlaceKind::kHub, Root::kEnv, "HUGGINGFACE_HUB_CACHE", ""},
    PlaceRow{"hugging-face", PlaceKind::kHub, Root::kEnv, "HF_HOME", "hub"},
    PlaceRow{"hugging-face", PlaceKind::kHub, Root::kEnv, "XDG_CACHE_HOME", "huggingface/hub"},
    PlaceRow{"hugging-face", PlaceKind::kHub, Root::kHome, nullptr, ".cache/huggingface/hub"},

    PlaceRow{"ollama", PlaceKind::kOllama, Root::kEnv, "OLLAMA_MODELS", ""},
    PlaceRow{"ollama", PlaceKind::kOllama, Root::kHome, nullptr, ".ollama/models"},
    PlaceRow{"ollama", PlaceKind::kOllama, Root::kAbsolute, nullptr, "/usr/share/ollama/.ollama/models"},
    PlaceRow{"ollama", PlaceKind::kOllama, Root::kAbsolute, nullptr, "/var/lib/ollama"},
    PlaceRow{"ollama", PlaceKind::kOllama, Root::kAbsolute, nullptr, "/var/snap/ollama/common/models"},

    PlaceRow{"lm-studio", PlaceKind::kTree, Root::kHome, nullptr, ".lmstudio/models"},
    PlaceRow{"lm-studio", PlaceKind::kTree, Root::kHome, nullptr, ".cache/lm-studio/models"},
    PlaceRow{"lm-studio", PlaceKind::kTree, Root::kHome, nullptr, "lm-studio/models"},
    PlaceRow{"lm-studio", PlaceKind::kTree, Root::kHome, nullptr, "Library/Application Support/LMStudio"},
    PlaceRow{"lm-studio", PlaceKind::kTree, Root::kHome, nullptr, "AppData/Roaming/LM Studio/models"},

    PlaceRow{"llama.cpp", PlaceKind::kTree, Root::kEnv, "LLAMA_CACHE", ""},
    PlaceRow{"llama.cpp", PlaceKind::kTree, Root::kEnv, "XDG_CACHE_HOME", "llama.cpp"},
    PlaceRow{"llama.cpp", PlaceKind::kTree, Root::kHome, nullptr, ".cache/llama.cpp"},
    PlaceRow{"llama.cpp", PlaceKind::kTree, Root::kHome, nullptr, "Library/Caches/llama.cpp"},

    PlaceRow{"home", PlaceKind::kTree, Root::kHome, nullptr, "models"},
    PlaceRow{"shimmy", PlaceKind::kTree, Root::kEnv, "XDG_DATA_HOME", "shimmy/models"},
    PlaceRow{"shimmy", PlaceKind::kTree, Root::kHome, nullptr, ".local/share/shimmy/models"},
    PlaceRow{"shimmy", PlaceKind::kTree, Root::kHome, nullptr, "AppData/Local/shimmy/models"},
    PlaceRow{"downloads", PlaceKind::kFolder, Root::kHome, nullptr, "Downloads"},
};

class PlaceList {
  public:
    void add(std::string_view source, std::string_view named_by, PlaceKind kind, const fs::path& path) {
        std::error_code error;
        const fs::path absolute = fs::absolute(path, error).lexically_normal();
        if (path.empty() || error || !seen_.insert({kind, absolute}).second) return;
        places_.push_back({std::string(source), std::string(named_by), kind, absolute});
    }

    void add_row(const PlaceRow& row) {
        const auto value = row.variable != nullptr ? base::env(row.variable) : std::nullopt;
        const auto add_path = [&](std::string_view named_by, const fs::path& path) {
            add(row.source, named_by, row.kind, row.path.empty() ? path : path / row.path);
        };
        switch (row.root) {
            case Root::kHere:
                return add_path("current folder", fs::path("."));
            case Root::kAbsolute:
                return add_path("usual place", fs::path("/"));
            case Root::kHome:
                if (const fs::path home = base::home_dir(); !home.empty()) add_path("usual place", home);
                return;
            case Root::kEnv:
                if (value) add_path(row.variable, *value);
                return;
            case Root::kEnvParent:
                if (value) add_path(row.variable, fs::absolute(*value).parent_path());
                return;
            case Root::kEnvList:
                for (const std::string& path : base::split_path_list(value.value_or("")))
                    add_path(row.variable, path);
                return;
        }
    }

    std::vector<SearchPlace> take() { return std::move(places_); }

  private:
    std::vector<SearchPlace> places_;
    std::set<std::pair<PlaceKind, fs::path>> seen_;
};

}  // namespace

std::vector<SearchPlace> search_places(const SearchOptions& options) {
    PlaceList list;
    list.add("model-path", "--model-path", PlaceKind::kFile, options.model_path);
    for (const std::string& dir : options.model_dirs)
        list.add("model-dirs", "--model-dirs", PlaceKind::kTree, dir);
    for (const PlaceRow& row : kPlaces) list.add_row(row);
    return list.take();
}

}  // namespace shimmy
