#include "airframe/engine/prefix_store.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>
#include <unordered_map>

#include "base/log.h"

namespace airframe {
namespace {

constexpr char kMagic[8] = {'S', 'H', 'I', 'M', 'M', 'Y', 'K', 'V'};
constexpr uint32_t kVersion = 1;
constexpr const char* kExtension = ".kvcache";

struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Closer>;

// Eight bytes at a time; finds damage, proves nothing.
class Checksum {
  public:
    void add(const void* data, size_t n) {
        const auto* bytes = static_cast<const std::byte*>(data);
        for (; n >= 8; bytes += 8, n -= 8) {
            uint64_t word;
            std::memcpy(&word, bytes, 8);
            mix(word);
        }
        uint64_t rest = n;
        std::memcpy(&rest, bytes, n);
        mix(rest + 0x9e3779b97f4a7c15u * (n + 1));
    }
    template <class T>
    void add_value(const T& value) {
        add(&value, sizeof value);
    }
    uint64_t value() const { return sum_; }

  private:
    void mix(uint64_t word) {
        sum_ = (sum_ ^ word) * 0xff51afd7ed558ccdu;
        sum_ ^= sum_ >> 32;
    }
    uint64_t sum_ = 0x8445d61a4e774912u;
};

// The file by its layout and by both ends of each tensor; whatever else changes keys and values.
uint64_t fingerprint_of(const Model& model, const KvPool& pool, uint32_t ctx_tokens) {
    const KvOptions& kv = pool.options();
    constexpr size_t kProbe = 256;
    Checksum sum;
    for (const TensorInfo& tensor : model.file().tensors()) {
        sum.add(tensor.name.data(), tensor.name.size());
        sum.add_value(tensor.type);
        sum.add_value(tensor.dims);
        const size_t n = std::min<size_t>(kProbe, tensor.bytes);
        sum.add(tensor.data, n);
        sum.add(tensor.data + tensor.bytes - n, n);
    }
    sum.add_value(model.file().file_bytes());
    for (uint32_t i = 0; i < model.spec().n_layers; ++i)
        sum.add(pool.backend(i).name().data(), pool.backend(i).name().size());
    sum.add_value(kv.type);
    sum.add_value(kv.page_tokens);
    sum.add_value(ctx_tokens);
    return sum.value();
}

bool is_ours(const std::filesystem::path& path) {
    if (path.extension() != kExtension) return false;
    char magic[sizeof kMagic] = {};
    const File file(std::fopen(path.c_str(), "rb"));
    return file && std::fread(magic, sizeof magic, 1, file.get()) == 1 &&
           std::memcmp(magic, kMagic, sizeof magic) == 0;
}

uint64_t page_bytes_of(const KvLayer& layer, int64_t head_dim) {
    return static_cast<uint64_t>(layer.n_kv_heads * layer.page_tokens *
                                 kv_vector_bytes(layer.type, head_dim));
}

}  // namespace

struct PrefixStore::Header {
    char magic[8];
    uint32_t version;
    int32_t page_tokens;
    uint64_t fingerprint, page_bytes, n_pages;
};

PrefixStore::PrefixStore(const PrefixStoreOptions& options, const Model& model, const KvPool& pool)
    : options_(options),
      pool_(pool),
      n_layers_(model.spec().n_layers),
      fingerprint_(fingerprint_of(model, pool, options.ctx_tokens)),
      page_bytes_(0),
      path_(options.dir / (fmt::format("{:016x}", fingerprint_) + kExtension)) {
    for (uint32_t i = 0; i < n_layers_; ++i) {
        const KvLayer& layer = pool.layer(i);
        page_bytes_ += page_bytes_of(layer, layer.head_dim_k) + page_bytes_of(layer, layer.head_dim_v);
    }
}

PrefixStore::Header PrefixStore::header(uint64_t n_pages) const {
    Header header{.magic = {},
                  .version = kVersion,
                  .page_tokens = pool_.options().page_tokens,
                  .fingerprint = fingerprint_,
                  .page_bytes = page_bytes_,
                  .n_pages = n_pages};
    std::memcpy(header.magic, kMagic, sizeof kMagic);
    return header;
}

// A record: parent (its place in the file, or -1), hash, tokens, keys and values, checksum.
uint64_t PrefixStore::record_bytes() const {
    return sizeof(int64_t) + sizeof(uint64_t) +
           static_cast<uint64_t>(pool_.options().page_tokens) * sizeof(TokenId) + page_bytes_ +
           sizeof(uint64_t);
}

void PrefixStore::read_page(int32_t page, std::byte* to) const {
    for (uint32_t i = 0; i < n_layers_; ++i) {
        const KvLayer& layer = pool_.layer(i);
        for (const auto& [buffer, dim] :
             {std::pair{layer.keys, layer.head_dim_k}, {layer.values, layer.head_dim_v}}) {
            const uint64_t bytes = page_bytes_of(layer, dim);
            pool_.backend(i).read(*buffer, static_cast<uint64_t>(page) * bytes, {to, bytes});
            to += bytes;
        }
    }
}

void PrefixStore::write_page(int32_t page, const std::byte* from) {
    for (uint32_t i = 0; i < n_layers_; ++i) {
        const KvLayer& layer = pool_.layer(i);
        for (const auto& [buffer, dim] :
             {std::pair{layer.keys, layer.head_dim_k}, {layer.values, layer.head_dim_v}}) {
            const uint64_t bytes = page_bytes_of(layer, dim);
            pool_.backend(i).write(*buffer, static_cast<uint64_t>(page) * bytes, {from, bytes});
            from += bytes;
        }
    }
}

void PrefixStore::restore(PagePool& pages) {
    const File file(std::fopen(path_.c_str(), "rb"));
    if (!file) {
        if (errno != ENOENT)
            base::log_warn("prefix cache {}: {}; starting without it", path_.string(), std::strerror(errno));
        return;
    }
    Header found{};
    const bool whole = std::fread(&found, sizeof found, 1, file.get()) == 1;
    const Header wanted = header(found.n_pages);
    std::error_code error;
    const uint64_t bytes = std::filesystem::file_size(path_, error);
    if (!whole || std::memcmp(&found, &wanted, sizeof found) != 0 || error ||
        found.n_pages > bytes / record_bytes() || bytes != sizeof found + found.n_pages * record_bytes()) {
        base::log_warn("prefix cache {} is of another kind, another model or incomplete; starting without it",
                       path_.string());
        return;
    }
    if (!restore_records(file.get(), found.n_pages, pages))
        base::log_warn("prefix cache {} is damaged; what came before the damage is used", path_.string());
}

bool PrefixStore::restore_records(std::FILE* file, uint64_t n_pages, PagePool& pages) {
    const auto page_tokens = static_cast<size_t>(pool_.options().page_tokens);
    std::vector<std::byte> record(record_bytes());
    std::vector<TokenId> tokens(page_tokens);
    std::vector<int32_t> placed;  // where each record lies now
    bool sound = true;
    while (placed.size() < n_pages && pages.available() > 0) {
        sound = std::fread(record.data(), record.size(), 1, file) == 1;
        if (!sound) break;
        const size_t body = record.size() - sizeof(uint64_t);
        int64_t parent;
        uint64_t hash, checksum;
        std::memcpy(&parent, record.data(), sizeof parent);
        std::memcpy(&hash, record.data() + sizeof parent, sizeof hash);
        std::memcpy(tokens.data(), record.data() + sizeof parent + sizeof hash,
                    page_tokens * sizeof(TokenId));
        std::memcpy(&checksum, record.data() + body, sizeof checksum);
        Checksum sum;
        sum.add(record.data(), body);
        sound = sum.value() == checksum && parent >= -1 && parent < static_cast<int64_t>(placed.size());
        if (!sound) break;
        const int32_t before = parent < 0 ? PagePool::kNone : placed[static_cast<size_t>(parent)];
        const int32_t page = pages.allocate();
        write_page(page, record.data() + body - page_bytes_);
        placed.push_back(pages.publish(page, before, hash, tokens));
    }
    pages.release(placed);
    return sound;
}

void PrefixStore::save(const PagePool& pages) {
    const std::vector<int32_t> order = pages.findable(
        (options_.bytes_max - std::min<uint64_t>(options_.bytes_max, sizeof(Header))) / record_bytes());
    if (order.empty()) return;
    std::error_code error;
    std::filesystem::create_directories(options_.dir, error);
    if (std::filesystem::exists(path_, error) && !is_ours(path_))
        return base::log_warn("prefix cache {} is a file of another kind and stays as it is", path_.string());
    make_room(sizeof(Header) + order.size() * record_bytes());
    std::filesystem::path unfinished = path_;
    unfinished += ".new";
    bool written = false;
    if (File file(std::fopen(unfinished.c_str(), "wb")); file) {
        written = write_records(file.get(), pages, order);
        written = std::fclose(file.release()) == 0 && written;
    }
    const int reason = errno;
    if (written) std::filesystem::rename(unfinished, path_, error);
    if (written && !error) return;
    std::filesystem::remove(unfinished, error);
    base::log_warn("prefix cache {} could not be written ({}); the next start is without it", path_.string(),
                   std::strerror(reason));
}

bool PrefixStore::write_records(std::FILE* file, const PagePool& pages, std::span<const int32_t> order) {
    const Header head = header(order.size());
    if (std::fwrite(&head, sizeof head, 1, file) != 1) return false;
    std::unordered_map<int32_t, int64_t> place;
    std::vector<std::byte> record(record_bytes());
    for (const int32_t page : order) {
        const PagePool::Published published = pages.published(page);
        const int64_t parent = published.parent == PagePool::kNone ? -1 : place.at(published.parent);
        std::byte* at = record.data();
        const auto put = [&](const void* from, size_t n) {
            std::memcpy(at, from, n);
            at += n;
        };
        put(&parent, sizeof parent);
        put(&published.hash, sizeof published.hash);
        put(published.tokens.data(), published.tokens.size_bytes());
        read_page(page, at);
        for (uint32_t i = 0; i < n_layers_; ++i)
            if (!pool_.backend(i).outcome()) return false;
        Checksum sum;
        sum.add(record.data(), record.size() - sizeof(uint64_t));
        const uint64_t checksum = sum.value();
        std::memcpy(record.data() + record.size() - sizeof checksum, &checksum, sizeof checksum);
        if (std::fwrite(record.data(), record.size(), 1, file) != 1) return false;
        place.emplace(page, static_cast<int64_t>(place.size()));
    }
    return true;
}

// Other models' files of this kind go, the oldest first, until ours fits into the bound.
void PrefixStore::make_room(uint64_t bytes_needed) const {
    struct Other {
        std::filesystem::file_time_type written;
        std::filesystem::path path;
        uint64_t bytes;
    };
    std::vector<Other> others;
    uint64_t total = bytes_needed;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(options_.dir, error)) {
        if (entry.path() == path_ || !is_ours(entry.path())) continue;
        others.push_back({entry.last_write_time(error), entry.path(), entry.file_size(error)});
        total += others.back().bytes;
    }
    std::ranges::sort(others, {}, &Other::written);
    for (const Other& other : others) {
        if (total <= options_.bytes_max) return;
        if (std::filesystem::remove(other.path, error)) total -= other.bytes;
    }
}

}  // namespace airframe
