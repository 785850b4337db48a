#include "shimmy/api/api_keys.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>

#include "base/log.h"

namespace shimmy {

using base::ErrorCode;

namespace {

constexpr std::string_view kDigestMark = "sha256:";
constexpr std::string_view kBearer = "bearer ";
constexpr std::string_view kKeySubprotocol = "openai-insecure-api-key.";

std::string_view trimmed(std::string_view text) {
    const size_t first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r") + 1 - first);
}

std::optional<base::Sha256> from_hex(std::string_view text) {
    base::Sha256 digest;
    if (text.size() != 2 * digest.size()) return std::nullopt;
    for (size_t i = 0; i < digest.size(); ++i) {
        const char* begin = text.data() + 2 * i;
        const auto read = std::from_chars(begin, begin + 2, digest[i], 16);
        if (read.ec != std::errc() || read.ptr != begin + 2) return std::nullopt;
    }
    return digest;
}

// Looks at every byte, whatever it finds.
bool equal_in_constant_time(const base::Sha256& a, const base::Sha256& b) {
    unsigned difference = 0;
    for (size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned>(a[i] ^ b[i]);
    return difference == 0;
}

std::string_view key_among(const std::string* subprotocols) {
    for (const std::string_view each : list_items(subprotocols))
        if (each.starts_with(kKeySubprotocol)) return each.substr(kKeySubprotocol.size());
    return {};
}

std::string_view key_of(const HttpRequest& request) {
    if (const std::string* authorization = request.header("authorization")) {
        const std::string_view text(*authorization);
        if (text.size() > kBearer.size() && equals_ignoring_case(text.substr(0, kBearer.size()), kBearer))
            return trimmed(text.substr(kBearer.size()));
    }
    if (const std::string* key = request.header("x-api-key")) return trimmed(*key);
    return key_among(request.header("sec-websocket-protocol"));
}

std::unexpected<base::Error> refuse(std::string message) {
    return std::unexpected(
        base::Error{ErrorCode::kInvalidArgument, std::move(message), {}, "invalid_api_key"});
}

}  // namespace

base::Result<void> ApiKeys::add(std::string_view text) {
    text = trimmed(text);
    const size_t space = std::min(text.find_first_of(" \t"), text.size());
    TRY(const KeyLimits limits, parse_key_limits(text.substr(space)));
    text = text.substr(0, space);
    const size_t colon = text.find(':');
    const std::string name(colon == std::string_view::npos ? "" : text.substr(0, colon));
    const std::string_view key = colon == std::string_view::npos ? text : text.substr(colon + 1);
    if (key.empty()) return base::fail(ErrorCode::kInvalidArgument, "an API key is empty");
    const auto use = limits.any() ? std::make_shared<KeyUse>(limits) : nullptr;
    if (!key.starts_with(kDigestMark)) {
        entries_.push_back({name, base::sha256(key), limits, use});
        return {};
    }
    const auto digest = from_hex(key.substr(kDigestMark.size()));
    if (!digest) {
        return base::fail(ErrorCode::kInvalidArgument,
                          "the digest of the key '{}' is not 64 hexadecimal digits", base::printable(name));
    }
    entries_.push_back({name, *digest, limits, use});
    return {};
}

base::Result<void> ApiKeys::add_file(const std::filesystem::path& file) {
    std::ifstream in(file);
    if (!in) return base::fail(ErrorCode::kIo, "--api-key-file {}: it cannot be read", file.string());
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
        const std::string_view text = trimmed(line);
        if (text.empty() || text.starts_with('#')) continue;
        if (auto added = add(text); !added) {
            return base::fail(ErrorCode::kInvalidArgument, "--api-key-file {}, line {}: {}", file.string(),
                              number, added.error().message);
        }
    }
    if (entries_.empty())  // a file without keys must not open the server to everybody
        return base::fail(ErrorCode::kInvalidArgument, "--api-key-file {}: it holds no key", file.string());
    return {};
}

const ApiKeys::Entry* ApiKeys::find(const base::Sha256& digest) const {
    const Entry* found = nullptr;
    for (const Entry& entry : entries_)
        if (equal_in_constant_time(entry.digest, digest)) found = &entry;
    return found;
}

ApiKeys::Holder ApiKeys::holder_of(const HttpRequest& request) const {
    if (entries_.empty()) return {};
    const base::Sha256 digest = base::sha256(key_of(request));
    const Entry* entry = find(digest);
    return {base::to_hex(digest), entry == nullptr ? nullptr : entry->use};
}

void ApiKeys::take_over(const ApiKeys& old) {
    for (Entry& entry : entries_) {
        const Entry* before = old.find(entry.digest);
        if (before == nullptr || !before->use || !entry.use) continue;
        before->use->change(entry.limits);
        entry.use = before->use;
    }
}

base::Result<void> ApiKeys::check(const HttpRequest& request) const {
    if (entries_.empty()) return {};
    const std::string_view key = key_of(request);
    if (key.empty()) {
        return refuse(
            "This server needs an API key: send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'.");
    }
    if (find(base::sha256(key)) == nullptr) return refuse("Incorrect API key provided.");
    return {};
}

}  // namespace shimmy
