// Looking for "*.gguf" below a folder, within bounds: links that lead in circles, huge trees and folders that
// may not be read end the search quietly, never the program. Stateless; any thread.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace shimmy {

struct WalkLimits {
    int depth_max = 8;            // folders below the root
    size_t entries_max = 20'000;  // directory entries looked at
};

struct WalkResult {
    std::vector<std::filesystem::path> files;  // sorted by path
    bool cut_short = false;                    // entries_max was reached
};

// Hidden files and folders (leading dot) are passed over. A root that does not exist gives nothing.
WalkResult find_gguf_files(const std::filesystem::path& root, const WalkLimits& limits);

// The folders right below `dir`, sorted by name; empty when it cannot be read.
std::vector<std::filesystem::path> subfolders(const std::filesystem::path& dir);

// A part of a split model: "name-00002-of-00003.gguf".
struct SplitName {
    std::string stem;  // "name"
    int part = 1;      // 1 to parts
    int parts = 1;     // 1: not split
};
SplitName parse_split_name(const std::filesystem::path& file);

}  // namespace shimmy
