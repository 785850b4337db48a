// Discovery: where models lie on people's machines, and what lies there. The places are rows of a table in
// places.cpp. Reads directories, small manifests and the first kilobytes of files, never a whole model.
// Stateless; any thread.
//
//   Discovery found = discover(search_places({.model_dirs = dirs}));
//   Catalog catalog(std::move(found.models));
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "shimmy/store/catalog.h"

namespace shimmy {

enum class PlaceKind : uint8_t {
    kFile,    // one model file
    kFolder,  // *.gguf right in this folder
    kTree,    // *.gguf in this folder and below
    kHub,     // a Hugging Face hub cache: models--org--name/snapshots/<revision>/…
    kOllama,  // an Ollama store: manifests/ and blobs/
};

struct SearchPlace {
    std::string source;    // short, for listings: "ollama"
    std::string named_by;  // what made us look there: "OLLAMA_MODELS", "--model-dirs", or "usual place"
    PlaceKind kind;
    std::filesystem::path path;
};

struct SearchOptions {
    std::filesystem::path model_path;     // --model-path; empty: none
    std::vector<std::string> model_dirs;  // --model-dirs, already split
};

// All places in the order of precedence, from the options, the environment and the usual folders; no path
// twice.
std::vector<SearchPlace> search_places(const SearchOptions& options);

struct SearchedPlace {
    SearchPlace place;
    bool exists = false;
    size_t models = 0;  // listed from here; a file already found elsewhere counts there
    std::string note;   // something the user should know, e.g. that the search was cut short; usually empty
};

struct SkippedFile {
    std::filesystem::path path;
    std::string reason;  // completes the sentence "this file …"
};

struct Discovery {
    std::vector<ModelEntry> models;  // in the order found; ids are distinct
    std::vector<SearchedPlace> places;
    std::vector<SkippedFile> skipped;  // seen, but not listed
    std::string named_id;  // of the model that --model-path or SHIMMY_BASE_GGUF names; may be empty
};

Discovery discover(std::span<const SearchPlace> places);

}  // namespace shimmy
