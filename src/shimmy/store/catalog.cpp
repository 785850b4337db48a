#include "shimmy/store/catalog.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "shimmy/store/closest_name.h"
#include "shimmy/store/walk.h"

namespace shimmy {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
    return out;
}

// "name" for "name:latest"; other names as they are.
std::string_view without_latest(std::string_view name) {
    constexpr std::string_view kLatest = ":latest";
    return name.ends_with(kLatest) ? name.substr(0, name.size() - kLatest.size()) : name;
}

bool answers_to(const ModelEntry& entry, std::string_view wanted) {
    const std::string name = lower(without_latest(wanted));
    const auto same = [&](std::string_view known) { return lower(without_latest(known)) == name; };
    if (same(entry.id) || std::ranges::any_of(entry.aliases, same)) return true;
    return !entry.path.empty() && (same(entry.path.stem().string()) || same(entry.path.filename().string()) ||
                                   same(parse_split_name(entry.path).stem));
}

std::shared_ptr<const std::vector<ModelEntry>> sorted(std::vector<ModelEntry> entries) {
    const auto key = [](const ModelEntry& entry) {
        return std::pair(!entry.embedded.empty(), std::string_view(entry.id));
    };
    std::ranges::sort(entries, {}, key);
    const auto twin = std::ranges::adjacent_find(entries, {}, &ModelEntry::id);
    CHECK(twin == entries.end(), "two models with the id {}", twin->id);
    return std::make_shared<const std::vector<ModelEntry>>(std::move(entries));
}

}  // namespace

std::string model_id_of(std::string_view stem) {
    std::string id = lower(stem);
    std::ranges::replace_if(id, [](char c) { return c == '_' || c == ' '; }, '-');
    return id;
}

Catalog::Catalog(std::vector<ModelEntry> entries, Scan rescan)
    : rescan_(std::move(rescan)), entries_(sorted(std::move(entries))) {}

std::optional<ModelEntry> Catalog::find(std::string_view name) const {
    const auto entries = snapshot();
    for (const ModelEntry& entry : *entries)
        if (entry.id == name) return entry;
    const std::string wanted = lower(name);
    for (const ModelEntry& entry : *entries)
        if (lower(entry.id) == wanted) return entry;
    for (const ModelEntry& entry : *entries)
        if (answers_to(entry, name)) return entry;
    return std::nullopt;
}

base::Result<ModelEntry> Catalog::find_or_refresh(std::string_view name) {
    if (auto entry = find(name)) return *std::move(entry);
    if (may_refresh()) {
        refresh();
        if (auto entry = find(name)) return *std::move(entry);
    }
    std::vector<std::string> ids;
    for (const ModelEntry& entry : *snapshot()) ids.push_back(entry.id);
    constexpr size_t kSuggestions = 3;
    const auto close = closest_names(name, ids, kSuggestions);
    return base::fail(base::ErrorCode::kNotFound, "no model named \"{}\"{}; `shimmy list` shows all {}",
                      base::printable(name),
                      close.empty() ? "" : fmt::format(" (did you mean {}?)", fmt::join(close, ", ")),
                      ids.size());
}

bool Catalog::may_refresh() {
    constexpr std::chrono::seconds kPause{1};
    std::lock_guard lock(mutex_);
    const auto now = base::Clock::now();
    if (last_refresh_ && now - *last_refresh_ < kPause) return false;
    last_refresh_ = now;
    return true;
}

std::vector<ModelEntry> Catalog::entries() const { return *snapshot(); }

std::string Catalog::default_id() const {
    std::lock_guard lock(mutex_);
    if (!default_id_.empty()) return default_id_;
    return entries_->empty() ? std::string{} : entries_->front().id;
}

void Catalog::set_default(std::string id) {
    std::lock_guard lock(mutex_);
    default_id_ = std::move(id);
}

void Catalog::refresh() {
    if (!rescan_) return;
    auto fresh = sorted(rescan_());  // without the lock: the disk may be slow
    std::lock_guard lock(mutex_);
    entries_ = std::move(fresh);
}

std::shared_ptr<const std::vector<ModelEntry>> Catalog::snapshot() const {
    std::lock_guard lock(mutex_);
    return entries_;
}

}  // namespace shimmy
