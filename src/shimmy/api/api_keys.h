// ApiKeys: who may use the server. Only digests are kept, so a dump of memory or a log tells no key.
// Immutable once in use; any thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/sha256.h"
#include "shimmy/api/http_message.h"
#include "shimmy/api/key_limits.h"

namespace shimmy {

class ApiKeys {
  public:
    // One key a line: KEY, NAME:KEY or NAME:sha256:HEX, after which may stand its limits as in "rpm=60
    // concurrent=4"; empty lines and lines that begin with # do not count.
    // Errors: kIo (the file cannot be read), kInvalidArgument with the line.
    base::Result<void> add_file(const std::filesystem::path& file);
    base::Result<void> add(std::string_view key);  // in one of the same forms

    bool empty() const { return entries_.empty(); }  // then everybody may

    // By "Authorization: Bearer KEY" or "x-api-key: KEY", or, as pages can send no headers with a WebSocket,
    // as one of its subprotocols: "openai-insecure-api-key.KEY", the name that OpenAI gave it. Takes the same
    // time for every wrong key. Errors: kInvalidArgument, detail "invalid_api_key".
    base::Result<void> check(const HttpRequest& request) const;

    // The holder of the request's key.
    struct Holder {
        std::string client;           // tells its key from others; empty when there are no keys
        std::shared_ptr<KeyUse> use;  // null: without limits
    };
    Holder holder_of(const HttpRequest& request) const;

    // Keys that were in `old` too count on what they have used there. Before anybody uses these.
    void take_over(const ApiKeys& old);
    size_t size() const { return entries_.size(); }

  private:
    struct Entry {
        std::string name;
        base::Sha256 digest;
        KeyLimits limits;
        std::shared_ptr<KeyUse> use;  // null without limits
    };
    const Entry* find(const base::Sha256& digest) const;
    std::vector<Entry> entries_;
};

}  // namespace shimmy
