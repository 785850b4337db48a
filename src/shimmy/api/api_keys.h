// ApiKeys: who may use the server. Only digests are kept, so a dump of memory or a log tells no key.
// Immutable; any thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/sha256.h"
#include "shimmy/api/http_message.h"

namespace shimmy {

class ApiKeys {
  public:
    // One key a line: KEY, NAME:KEY or NAME:sha256:HEX; empty lines and lines that begin with # do not count.
    // Errors: kIo (the file cannot be read), kInvalidArgument with the line.
    base::Result<void> add_file(const std::filesystem::path& file);
    base::Result<void> add(std::string_view key);  // in one of the same forms

    bool empty() const { return entries_.empty(); }  // then everybody may

    // By "Authorization: Bearer KEY" or "x-api-key: KEY"; takes the same time for every wrong key. Errors:
    // kInvalidArgument, detail "invalid_api_key".
    base::Result<void> check(const HttpRequest& request) const;

    // What tells this client's key from others; empty when there are no keys.
    std::string client_of(const HttpRequest& request) const;

  private:
    struct Entry {
        std::string name;
        base::Sha256 digest;
    };
    std::vector<Entry> entries_;
};

}  // namespace shimmy
