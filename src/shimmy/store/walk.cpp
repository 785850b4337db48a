#include "shimmy/store/walk.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>
#include <system_error>
#include <utility>

#include "base/log.h"

namespace shimmy {
namespace fs = std::filesystem;
namespace {

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

bool is_gguf_name(const fs::path& path) {
    std::string extension = path.extension().string();
    std::ranges::transform(extension, extension.begin(), [](unsigned char c) { return std::tolower(c); });
    return extension == ".gguf";
}

std::vector<fs::directory_entry> read_folder(const fs::path& dir, size_t entries_max) {
    std::vector<fs::directory_entry> entries;
    std::error_code error;
    for (fs::directory_iterator it(dir, error), end; !error && it != end && entries.size() < entries_max;
         it.increment(error))
        entries.push_back(*it);
    if (error && error != std::errc::no_such_file_or_directory)
        base::log_debug("cannot read folder {}: {}", dir.string(), error.message());
    std::ranges::sort(entries, {}, [](const fs::directory_entry& entry) { return entry.path(); });
    return entries;
}

class Walker {
  public:
    explicit Walker(const WalkLimits& limits) : limits_(limits), entries_left_(limits.entries_max) {}

    // Recursion is bounded by depth_max, and no folder is entered twice.
    void enter(const fs::path& dir, int depth) {
        std::error_code error;
        const fs::path real = fs::canonical(dir, error);
        if (error || !seen_.insert(real).second) return;
        const auto entries = read_folder(dir, entries_left_);
        entries_left_ -= entries.size();
        if (entries_left_ == 0) result_.cut_short = true;
        for (const fs::directory_entry& entry : entries) visit(entry, depth);
    }

    WalkResult take() { return std::move(result_); }

  private:
    void visit(const fs::directory_entry& entry, int depth) {
        if (is_hidden(entry.path())) return;
        std::error_code error;
        if (entry.is_directory(error)) {
            if (depth < limits_.depth_max && entries_left_ > 0) enter(entry.path(), depth + 1);
        } else if (is_gguf_name(entry.path())) {
            result_.files.push_back(entry.path());
        }
    }

    const WalkLimits& limits_;
    size_t entries_left_;
    std::set<fs::path> seen_;
    WalkResult result_;
};

}  // namespace

WalkResult find_gguf_files(const fs::path& root, const WalkLimits& limits) {
    Walker walker(limits);
    walker.enter(root, 0);
    WalkResult result = walker.take();
    std::ranges::sort(result.files);
    return result;
}

std::vector<fs::path> subfolders(const fs::path& dir) {
    std::vector<fs::path> folders;
    std::error_code error;
    for (const fs::directory_entry& entry : read_folder(dir, WalkLimits{}.entries_max))
        if (entry.is_directory(error)) folders.push_back(entry.path());
    return folders;
}

SplitName parse_split_name(const fs::path& file) {
    const std::string stem = file.stem().string();
    constexpr std::string_view kShape = "-00000-of-00000";
    SplitName whole{.stem = stem};
    if (stem.size() <= kShape.size()) return whole;
    const std::string_view tail = std::string_view(stem).substr(stem.size() - kShape.size());
    for (size_t i = 0; i < kShape.size(); ++i) {
        const bool digit = std::isdigit(static_cast<unsigned char>(tail[i])) != 0;
        if (kShape[i] == '0' ? !digit : tail[i] != kShape[i]) return whole;
    }
    SplitName split{.stem = stem.substr(0, stem.size() - kShape.size())};
    std::from_chars(tail.data() + 1, tail.data() + 6, split.part);
    std::from_chars(tail.data() + 10, tail.data() + 15, split.parts);
    const bool sound = split.part >= 1 && split.part <= split.parts;
    return sound ? split : whole;
}

}  // namespace shimmy
