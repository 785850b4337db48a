// Ollama's model store: manifests name the blobs, blobs/sha256-<hex> hold the files. Read only; any thread.
// Layout: manifests/<registry>/<namespace>/<model>/<tag>, each a JSON document with typed layers.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace shimmy {

struct OllamaModel {
    std::string name;  // as Ollama writes it: "llama3.2:latest", "user/model:tag", "hf.co/user/repo:Q4_K_M"
    std::filesystem::path blob;  // may be missing on disk
};

struct OllamaFault {
    std::filesystem::path manifest;
    std::string reason;
};

struct OllamaStore {
    std::vector<OllamaModel> models;  // sorted by manifest path
    std::vector<OllamaFault> faults;  // manifests that name no usable model
};

// `root` is the folder that holds manifests/ and blobs/; one without manifests/ gives an empty store.
OllamaStore read_ollama_store(const std::filesystem::path& root);

}  // namespace shimmy
