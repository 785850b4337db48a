#include "shimmy/store/discovery.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "base/system.h"
#include "shimmy/store/file_kind.h"
#include "shimmy/store/ollama.h"
#include "shimmy/store/walk.h"

namespace shimmy {
namespace fs = std::filesystem;
namespace {

// A file, or the parts of a split one, before it has an id.
struct Candidate {
    std::vector<fs::path> parts;
    std::string name;    // given by the place (Ollama); empty: the file stem tells
    std::string folder;  // tells files of one name apart: the repository or the folder
};

// "models--org--name" -> "org-name"
std::string hub_repository(const fs::path& folder) {
    std::string name = folder.filename().string().substr(std::string_view("models--").size());
    for (size_t at = name.find("--"); at != std::string::npos; at = name.find("--", at))
        name.replace(at, 2, "-");
    return name;
}

class Discoverer {
  public:
    void search(const SearchPlace& place) {
        SearchedPlace searched{.place = place};
        std::error_code error;
        searched.exists = fs::exists(place.path, error);
        const size_t before = found_.models.size();
        if (searched.exists) look_into(place, searched);
        if (!searched.exists && place.kind == PlaceKind::kFile) searched.note = "no such file";
        searched.models = found_.models.size() - before;
        found_.places.push_back(std::move(searched));
    }

    Discovery take() {
        if (named_) name_default(found_.models[*named_]);
        return std::move(found_);
    }

  private:
    void look_into(const SearchPlace& place, SearchedPlace& searched) {
        switch (place.kind) {
            case PlaceKind::kFile:
                return add_named_file(place);
            case PlaceKind::kFolder:
                return add_tree(place, searched, place.path, "", {.depth_max = 0});
            case PlaceKind::kTree:
                return add_tree(place, searched, place.path, "", {});
            case PlaceKind::kHub:
                return add_hub(place, searched);
            case PlaceKind::kOllama:
                return add_ollama(place);
        }
    }

    void add_named_file(const SearchPlace& place) {
        const SplitName split = parse_split_name(place.path);
        Candidate candidate{.parts = {place.path}};
        if (split.parts > 1) {
            candidate.parts.clear();
            for (int part = 1; part <= split.parts; ++part)
                candidate.parts.push_back(place.path.parent_path() /
                                          fmt::format("{}-{:05}-of-{:05}{}", split.stem, part, split.parts,
                                                      place.path.extension().string()));
        }
        const auto index = add(place, candidate);
        if (!named_) named_ = index;
    }

    // The original Shimmy knew the model that SHIMMY_BASE_GGUF names by this id, whatever it was.
    void name_default(ModelEntry& entry) {
        entry.aliases.emplace_back("tinyllama-1.1b");
        found_.named_id = entry.id;
    }

    void add_tree(const SearchPlace& place, SearchedPlace& searched, const fs::path& root,
                  const std::string& folder, const WalkLimits& limits) {
        WalkResult walk = find_gguf_files(root, limits);
        if (walk.cut_short)
            searched.note = fmt::format("stopped after {} entries; name the folder itself with --model-dirs",
                                        limits.entries_max);
        for (Candidate& candidate : group_parts(walk.files)) {
            if (!folder.empty()) candidate.folder = folder;
            add(place, candidate);
        }
    }

    // Newest revision first: where a file changed between revisions, the newer one keeps the plain name.
    void add_hub(const SearchPlace& place, SearchedPlace& searched) {
        for (const fs::path& repository : subfolders(place.path)) {
            if (!repository.filename().string().starts_with("models--")) continue;
            std::vector<std::pair<fs::file_time_type, fs::path>> revisions;
            for (const fs::path& revision : subfolders(repository / "snapshots")) {
                std::error_code error;
                revisions.emplace_back(fs::last_write_time(revision, error), revision);
            }
            std::ranges::sort(revisions, std::greater<>{});
            for (const auto& [time, revision] : revisions)
                add_tree(place, searched, revision, hub_repository(repository), {.depth_max = 4});
        }
    }

    void add_ollama(const SearchPlace& place) {
        OllamaStore store = read_ollama_store(place.path);
        for (OllamaFault& fault : store.faults) skip(fault.manifest, std::move(fault.reason));
        for (OllamaModel& model : store.models)
            add(place, {.parts = {model.blob}, .name = std::move(model.name)});
    }

    // Files with the parts of one split model together; a model with missing parts is skipped with a reason.
    std::vector<Candidate> group_parts(const std::vector<fs::path>& files) {
        std::vector<Candidate> candidates;
        std::map<std::pair<fs::path, int>, std::vector<fs::path>> splits;  // (folder/stem, parts) -> files
        for (const fs::path& file : files) {
            const SplitName split = parse_split_name(file);
            if (split.parts == 1)
                candidates.push_back({.parts = {file}});
            else
                splits[{file.parent_path() / split.stem, split.parts}].push_back(file);
        }
        for (auto& [key, parts] : splits) {
            if (static_cast<int>(parts.size()) == key.second)
                candidates.push_back({.parts = std::move(parts)});
            else
                skip(parts.front(), fmt::format("has only {} of its {} parts", parts.size(), key.second));
        }
        return candidates;
    }

    // Where the file is listed in models, now or from an earlier place; nothing when it is skipped.
    std::optional<size_t> add(const SearchPlace& place, const Candidate& candidate) {
        const fs::path& first = candidate.parts.front();
        ModelEntry entry{.source = place.source, .path = first, .parts = candidate.parts};
        std::optional<base::FileStat> first_stat;
        for (const fs::path& part : candidate.parts) {
            const auto stat = base::stat_file(part);
            if (!stat) return skip(part, "is not there, or may not be read");
            if (!first_stat) first_stat = stat;
            entry.bytes += stat->bytes;
        }
        const auto [known, is_new] =
            by_identity_.try_emplace({first_stat->device, first_stat->inode}, found_.models.size());
        if (!is_new) return add_name(known->second, candidate);

        const auto reason = why_not_a_model(first, candidate.parts.size() > 1);
        if (!reason || !reason->empty()) {
            by_identity_.erase(known);
            return skip(first, reason ? "is " + *reason : reason.error().message);
        }
        entry.modified_unix_seconds = first_stat->modified_unix_seconds;
        entry.id = name_of(candidate);
        entry.id = distinct_id(entry, candidate);
        ids_.insert(entry.id);
        found_.models.push_back(std::move(entry));
        return found_.models.size() - 1;
    }

    static std::string name_of(const Candidate& candidate) {
        return candidate.name.empty() ? model_id_of(parse_split_name(candidate.parts.front()).stem)
                                      : candidate.name;
    }

    // A second name of a file that is already listed stays usable; a real name replaces a blob's number.
    size_t add_name(size_t index, const Candidate& candidate) {
        ModelEntry& entry = found_.models[index];
        std::string name = name_of(candidate);
        if (name == entry.id || std::ranges::find(entry.aliases, name) != entry.aliases.end()) return index;
        if (entry.id.starts_with("sha256-") && !ids_.contains(name)) {
            ids_.insert(name);
            std::swap(entry.id, name);
        }
        entry.aliases.push_back(std::move(name));
        return index;
    }

    // The id itself, or with what tells it apart: quantisation, then folder, then a number.
    std::string distinct_id(const ModelEntry& entry, const Candidate& candidate) const {
        if (!ids_.contains(entry.id)) return entry.id;
        const fs::path folder = entry.path.parent_path().filename();
        const std::string endings[] = {
            model_id_of(entry.facts().quantisation),
            model_id_of(candidate.folder.empty() ? folder.string() : candidate.folder),
        };
        for (const std::string& ending : endings) {
            const std::string id = entry.id + "-" + ending;
            if (!ending.empty() && !entry.id.ends_with(ending) && !ids_.contains(id)) return id;
        }
        for (int number = 2;; ++number)  // ends: ids_ is finite
            if (std::string id = fmt::format("{}-{}", entry.id, number); !ids_.contains(id)) return id;
    }

    std::nullopt_t skip(const fs::path& path, std::string reason) {
        base::log_debug("not listed: {} {}", path.string(), reason);
        found_.skipped.push_back({path, std::move(reason)});
        return std::nullopt;
    }

    Discovery found_;
    std::map<std::pair<uint64_t, uint64_t>, size_t> by_identity_;  // (device, inode) -> index of models
    std::set<std::string> ids_;
    std::optional<size_t> named_;  // index of the model that the user named
};

}  // namespace

Discovery discover(std::span<const SearchPlace> places) {
    Discoverer discoverer;
    for (const SearchPlace& place : places) discoverer.search(place);
    return discoverer.take();
}

}  // namespace shimmy
