// Reading JSON that is still being written: where a value ends, and one value passed on as it comes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shimmy {

enum class Scan : uint8_t { kOk, kMore, kBad };  // kMore: the text ends within it

struct ScanResult {
    Scan state;
    size_t end;  // behind the value, when kOk
};

size_t skip_space(std::string_view text, size_t at);

// A string that begins at `at` with its quote.
ScanResult scan_string(std::string_view text, size_t at);

// Any value that begins at `at`. Brackets and strings are followed, not checked in full. `is_end`: nothing
// follows `text`, so a number may end with it.
ScanResult scan_value(std::string_view text, size_t at, bool is_end);

// The text of a quoted string; nothing when it is not JSON.
std::optional<std::string> unquote(std::string_view quoted);

std::string quoted_json(std::string_view text);

// `text` is the beginning of `mark`, and may become it.
inline bool may_become(std::string_view text, std::string_view mark) {
    return text.size() < mark.size() && mark.starts_with(text);
}

// One object or array, passed on byte by byte. Control characters that a model writes raw into a string are
// escaped, so that the value stays JSON.
class ValueStream {
  public:
    // Appends to `out` what belongs to the value; returns how many bytes of `text` that were.
    size_t take(std::string_view text, std::string& out);
    bool done() const { return done_; }

  private:
    int depth_ = 0;
    bool in_string_ = false, escaped_ = false, done_ = false;
};

}  // namespace shimmy
