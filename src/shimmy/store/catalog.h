// Catalog: the models this machine has, by the names people call them. Finding files is discovery.h's work;
// here are the names, the look-up and the order. All functions may be called from any thread.
//
//   Catalog catalog(discover(places).models, [=] { return discover(places).models; });
//   auto entry = catalog.find("llama3.2");          // also "llama3.2:latest", any case, or the file stem as
//   it stands TRY(auto file, open_model(*entry));
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "airframe/gguf/gguf.h"
#include "base/clock.h"
#include "base/result.h"

namespace shimmy {

// What the header of a model file says. Empty or zero: it does not say.
struct ModelFacts {
    std::string architecture;      // "llama"
    std::string name;              // general.name
    std::string parameters;        // "1.1B"
    std::string quantisation;      // "Q4_K_M"; the commonest tensor type when the file names no mixture
    uint64_t parameter_count = 0;  // elements of all tensors
    uint64_t context_tokens = 0;   // as trained
    bool has_chat_template = false;
    std::string fault;  // why the header could not be read; everything else is empty then
};

struct LazyFacts;
std::shared_ptr<LazyFacts> make_lazy_facts();

struct ModelEntry {
    std::string id;                            // unique in its catalog
    std::string source;                        // where it was found: "ollama", "hugging-face", "built-in", …
    std::filesystem::path path;                // the first part; empty for a built-in model
    std::vector<std::filesystem::path> parts;  // all parts in order; one for an unsplit model
    std::vector<std::string> aliases;          // further names that find() knows
    std::span<const std::byte> embedded;       // a built-in model's whole file, for the life of the program
    uint64_t bytes = 0;                        // of all parts
    int64_t modified_unix_seconds = 0;         // of the first part; 0: not known

    std::shared_ptr<LazyFacts> lazy_facts = make_lazy_facts();  // facts() alone looks inside

    // Read from the file at the first call, then kept for all copies of this entry: listing names stays
    // cheap.
    const ModelFacts& facts() const;
};

// Opens the model's file, all parts of it, or the embedded bytes. Errors: as GgufFile::open.
base::Result<airframe::GgufFile> open_model(const ModelEntry& entry);

class Catalog {
  public:
    using Scan = std::function<std::vector<ModelEntry>()>;

    // Ids must differ from each other. `rescan` gives fresh entries to refresh(), on any thread; empty: none.
    explicit Catalog(std::vector<ModelEntry> entries, Scan rescan = {});

    // By id, exactly; then without regard to case; then by alias, file stem, "name" for "name:latest" and the
    // reverse.
    std::optional<ModelEntry> find(std::string_view name) const;

    // find(), and one look at the disk when the name is unknown: a model added since the start is there.
    // Errors: kNotFound naming the closest ids and how to see all.
    base::Result<ModelEntry> find_or_refresh(std::string_view name);

    // Sorted by id, a built-in model last.
    std::vector<ModelEntry> entries() const;

    // The model for requests that name none: the one set, else the first entry. Empty only when there are no
    // models.
    std::string default_id() const;
    void set_default(std::string id);

    void refresh();

  private:
    std::shared_ptr<const std::vector<ModelEntry>> snapshot() const;
    bool may_refresh();  // unknown names, however many, make us look at the disk once a second at most

    const Scan rescan_;
    mutable std::mutex mutex_;
    std::shared_ptr<const std::vector<ModelEntry>> entries_;
    std::string default_id_;
    std::optional<base::Clock::time_point> last_refresh_;  // by find_or_refresh
};

// "Llama-3.2-1B Instruct_Q4_K_M" -> "llama-3.2-1b-instruct-q4-k-m": the id for a file stem.
std::string model_id_of(std::string_view stem);

}  // namespace shimmy
