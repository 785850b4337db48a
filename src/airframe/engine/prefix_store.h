// PrefixStore: cached prefixes that survive the process. One file per model and settings in a directory of
// the user's: pages with their tokens, parents before children, each with a checksum. Whatever is wrong with
// the directory or a file is told as a warning and costs the cache only. Pages under a salt are private and
// are never written. Used by the engine thread when it begins and when it ends.
#pragma once

#include <cstdint>
#include <filesystem>

#include "airframe/engine/page_pool.h"
#include "airframe/model/model.h"

namespace airframe {

struct PrefixStoreOptions {
    std::filesystem::path dir;
    uint64_t bytes_max = uint64_t{1} << 30;  // of all files of this kind in the directory
    uint32_t ctx_tokens = 0;
};

class PrefixStore {
  public:
    // The file's name says which model and which settings it belongs to.
    PrefixStore(const PrefixStoreOptions& options, const Model& model, const KvPool& pool);

    // Fills idle pages with what was saved.
    void restore(PagePool& pages);
    // Writes what can be found by its tokens, the latest used first as far as the bound allows. Replaces the
    // file at once or not at all.
    void save(const PagePool& pages);

    const std::filesystem::path& path() const { return path_; }

  private:
    struct Header;
    Header header(uint64_t n_pages) const;
    uint64_t record_bytes() const;
    void read_page(int32_t page, std::byte* to) const;
    void write_page(int32_t page, const std::byte* from);
    bool restore_records(std::FILE* file, uint64_t n_pages, PagePool& pages);
    bool write_records(std::FILE* file, const PagePool& pages, std::span<const int32_t> order);
    void make_room(uint64_t bytes_needed) const;

    PrefixStoreOptions options_;
    const KvPool& pool_;
    uint32_t n_layers_;
    uint64_t fingerprint_, page_bytes_;
    std::filesystem::path path_;
};

}  // namespace airframe
